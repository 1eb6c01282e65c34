import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Plugin } from 'vite';

const ID = 'virtual:emoji';
/** What the fonts of present systems can draw. */
const NEWEST = 15.1;
/** Groups of parts (hair, skin) that are no emoji of their own. */
const PARTS = 2;

interface Entry {
  emoji: string;
  group?: number;
  label: string;
  tags?: string[];
  version: number;
}

/** `virtual:emoji`: the emoji with their English names and tags, from emojibase-data, as a file of ours. No page asks a CDN. */
export function emoji(root: string): Plugin {
  const folder = join(root, 'node_modules/emojibase-data/en');
  const read = (name: string): unknown => JSON.parse(readFileSync(join(folder, name), 'utf8'));
  return {
    name: 'weir-emoji',
    resolveId: (id) => (id === ID ? `\0${ID}` : null),
    load(id) {
      if (id !== `\0${ID}`) return null;
      const { groups } = read('messages.json') as { groups: { key: string; order: number }[] };
      const all = read('data.json') as Entry[];
      const shown = all.filter(({ group, version }) => group !== undefined && group !== PARTS && version <= NEWEST);
      const emojis = shown.map(({ emoji, group = 0, label, version, tags = [] }) => ({ emoji, category: group, label, version, tags }));
      const categories = groups.filter(({ order }) => order !== PARTS).map(({ key, order }) => ({ index: order, key }));
      // Parsing a text is several times faster than reading it as code.
      return `const data = JSON.parse(${JSON.stringify(JSON.stringify({ emojis, categories }))});\nexport const { emojis, categories } = data;\n`;
    },
  };
}
