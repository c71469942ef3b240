module.exports = {
  testEnvironment: 'node',
  roots: ['<rootDir>/test'],
  transform: { '^.+\\.[cm]?ts$': ['@swc/jest', { jsc: { parser: { syntax: 'typescript' }, target: 'es2022' } }] },
  // A worker holds its own copy of the addon's JavaScript side; two fill two cores.
  maxWorkers: 2,
  testTimeout: 60_000,
};
