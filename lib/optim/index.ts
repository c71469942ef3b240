export { type Plateau, type PlateauOptions, type PlateauState, plateau } from './plateau';
export { type Sgd, type SgdGroup, type SgdOptions, type SgdState, sgd } from './sgd';
