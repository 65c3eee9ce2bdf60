module.exports = {
  testEnvironment: 'jsdom',
  testMatch: ['<rootDir>/tests/*.test.ts'],
  transform: { '\\.(ts|js)$': '<rootDir>/tests/transform.cjs' },
  transformIgnorePatterns: ['/node_modules/(?!(@jupyterlab|@jupyter|@lumino|lib0|y-protocols)/)']
};
