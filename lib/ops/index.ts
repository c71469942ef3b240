export { relu } from './unary';
