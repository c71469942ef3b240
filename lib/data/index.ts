export { type ColourComponents, colourComponents, colourNoise, imagenetComponents } from './colour';
export {
  channelMeans,
  DataError,
  DataSpecError,
  type Dataset,
  limitSplit,
  MemorySplit,
  meanImage,
  type Split,
  sliceSplit,
} from './dataset';
export { type FetchOptions, fetchFashionMnist } from './fetch';
export { type Batch, type ColourNoise, Loader, type LoaderOptions } from './loader';
export { dataKinds, type OpenOptions, openDataset } from './open';
