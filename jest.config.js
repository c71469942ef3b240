module.exports = {
  testEnvironment: 'node',
  roots: ['<rootDir>/test'],
  // Tests of the simulated GPUs alone: npm run test:sim.
  testPathIgnorePatterns: ['/node_modules/', ...(process.env.CONVTAPE_SIM ? [] : ['<rootDir>/test/sim/'])],
  transform: { '^.+\\.[cm]?ts$': ['@swc/jest', { jsc: { parser: { syntax: 'typescript' }, target: 'es2022' } }] },
  // A worker holds its own copy of the addon's JavaScript side; two fill two cores.
  maxWorkers: 2,
  testTimeout: 60_000,
};
