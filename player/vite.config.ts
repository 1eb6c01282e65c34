import react from '@vitejs/plugin-react';
import { defineConfig } from 'vite';

export default defineConfig({
  plugins: [react()],
  build: {
    target: 'es2022',
    // The content security policy allows no data: scripts or styles, and small files compress well enough on their own.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    chunkSizeWarningLimit: 700, // hls.js is one chunk of that size
    rolldownOptions: {
      input: { watch: 'watch.html', studio: 'studio.html' },
      // What rarely changes keeps its name, and so its place in the browser's cache, when our own code changes.
      output: { codeSplitting: { groups: [{ name: 'hls', test: /node_modules\/hls/ }, { name: 'vendor', test: /node_modules/ }] } },
    },
  },
});
