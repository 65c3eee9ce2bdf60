// Jest runs CommonJS; the sources and JupyterLab's packages are ES modules.
const ts = require('typescript');

const compilerOptions = {
  allowJs: true,
  esModuleInterop: true,
  inlineSourceMap: true,
  module: ts.ModuleKind.CommonJS,
  target: ts.ScriptTarget.ES2022
};

module.exports = {
  process(source, fileName) {
    const output = ts.transpileModule(source, { compilerOptions, fileName });
    return { code: output.outputText };
  }
};
