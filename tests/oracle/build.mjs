// SPDX-License-Identifier: MIT
// Bundles DevTools' worker into worker.mjs. Its table of locales is made by Chromium's build and is
// not in the package; nothing here is ever shown, so an empty one will do.
import {build} from 'esbuild';

const locales = {
  name: 'no locales',
  setup({onResolve, onLoad}) {
    onResolve({filter: /\/locales\.js$/}, ({path}) => ({path, namespace: 'no-locales'}));
    onLoad({filter: /.*/, namespace: 'no-locales'}, () => ({
      contents: `
        export const LOCALES = ['en-US'];
        export const BUNDLED_LOCALES = LOCALES;
        export const DEFAULT_LOCALE = 'en-US';
        export const REMOTE_FETCH_PATTERN = '';
        export const LOCAL_FETCH_PATTERN = '';`,
    }));
  },
};

await build({
  entryPoints: ['worker.ts'],
  outfile: 'worker.mjs',
  bundle: true,
  format: 'esm',
  platform: 'node',
  target: 'node22',
  loader: {'.css': 'text'},
  logLevel: 'warning',
  plugins: [locales],
  // As the package's own tsconfig has it; class fields and decorators would mean other things.
  tsconfigRaw: {
    compilerOptions: {
      experimentalDecorators: true,
      target: 'es2022',
      useDefineForClassFields: false,
    },
  },
});
