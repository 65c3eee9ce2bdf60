import js from '@eslint/js';
import ts from 'typescript-eslint';

export default ts.config(
  {
    ignores: ['lib/', 'node_modules/', 'coverage/', '.yarn/', '*.cjs', 'tests/*.cjs', '**/*.mjs']
  },
  js.configs.recommended,
  ...ts.configs.recommendedTypeChecked,
  {
    languageOptions: {
      parserOptions: {
        project: './tsconfig.test.json',
        tsconfigRootDir: import.meta.dirname
      }
    },
    rules: {
      '@typescript-eslint/consistent-type-imports': 'error',
      '@typescript-eslint/explicit-function-return-type': ['error', { allowExpressions: true }],
      '@typescript-eslint/naming-convention': [
        'error',
        {
          selector: 'interface',
          format: ['PascalCase'],
          custom: { regex: '^I[A-Z]', match: true }
        },
        {
          selector: 'memberLike',
          modifiers: ['private'],
          format: ['camelCase'],
          leadingUnderscore: 'require'
        }
      ],
      '@typescript-eslint/switch-exhaustiveness-check': [
        'error',
        { considerDefaultExhaustiveForUnions: true }
      ],
      curly: 'error',
      eqeqeq: 'error',
      'no-console': ['error', { allow: ['warn'] }],
      'prefer-arrow-callback': 'error'
    }
  },
  {
    // JupyterLab's signature is async; a test's function may be one without awaiting.
    files: ['src/renderer.ts', 'tests/**/*.ts'],
    rules: { '@typescript-eslint/require-await': 'off' }
  }
);
