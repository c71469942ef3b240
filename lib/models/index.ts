export { type AlexNetOptions, type AlexNetSmallOptions, alexnet, alexnetSmall } from './alexnet';
export type { ColumnNet, ForwardOptions, InferenceOptions, WeightType } from './column_net';
export { mergeColumns, splitColumns } from './columns';
export { formatRows, type LayerRow } from './describe';
export type { Preset } from './spec';
