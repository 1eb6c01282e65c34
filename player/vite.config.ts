import babel from '@rolldown/plugin-babel';
import tailwind from '@tailwindcss/vite';
import react from '@vitejs/plugin-react';
import { defineConfig } from 'vitest/config';
import { emoji } from './build/emoji';
import { messages } from './build/messages';

export default defineConfig({
  plugins: [
    react(),
    babel({ include: [/packages\/[a-z]+\/src\/.*\.tsx?$/], plugins: ['@lingui/babel-plugin-lingui-macro'] }),
    tailwind(),
    messages(import.meta.dirname),
    emoji(import.meta.dirname),
  ],
  test: { setupFiles: ['./build/testLanguage.ts'] },
  build: {
    target: 'es2022',
    // The content security policy allows no data: scripts or styles, and small files compress well enough on their own.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    chunkSizeWarningLimit: 1600, // hls.js and the reference's swagger-ui are one chunk each; only their own pages load them
    rolldownOptions: {
      input: { watch: 'watch.html', studio: 'studio.html', docs: 'docs.html', kit: 'kit.html', overlay: 'overlay.html' },
      // What rarely changes keeps its name, and so its place in the browser's cache, when our own code changes.
      output: { codeSplitting: { groups: [{ name: 'swagger', test: /node_modules\/swagger-ui/ }, { name: 'hls-full', test: /node_modules\/hls\.js\/dist\/hls\.(?!light)/ }, { name: 'hls', test: /node_modules\/hls/ }, { name: 'tus', test: /node_modules\/(tus-js-client|js-base64|url-parse|querystringify|requires-port)/ }, { name: 'vendor', test: /node_modules\/(react|react-dom|scheduler|@lingui)\// }, { name: 'socket', test: /node_modules\/(socket\.io[a-z.-]*|engine\.io[a-z.-]*|@socket\.io)\// }] } },
    },
  },
});
