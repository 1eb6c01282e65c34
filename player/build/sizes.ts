import { readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';

/** What a page may name in all: scripts and sheets, in kB of gzip. Pages' parts that are loaded later are not counted. */
const MOST_KB: Readonly<Record<string, number>> = { 'watch.html': 265, 'studio.html': 265, 'overlay.html': 160 };
/** Of the watch page's scripts alone, and what must not be among them. */
const WATCH_SCRIPTS_KB = 250;
const LATER = /\/(hls-full|studio|swagger|tus|kit)-/;

const dist = join(import.meta.dirname, '../dist');
const sizeOf = (file: string) => gzipSync(readFileSync(join(dist, file)), { level: 9 }).length;
const problems: string[] = [];

for (const [page, most] of Object.entries(MOST_KB)) {
  if (!readdirSync(dist).includes(page)) continue;
  const html = readFileSync(join(dist, page), 'utf8');
  const named = [...html.matchAll(/(?:src|href)="\/(assets\/[^"]+\.(?:js|css))"/g)].map(([, file]) => file ?? '');
  const scripts = named.filter((file) => file.endsWith('.js'));
  const kilobytes = named.reduce((sum, file) => sum + sizeOf(file), 0) / 1000;
  const script = scripts.reduce((sum, file) => sum + sizeOf(file), 0) / 1000;
  console.log(`${page}: ${kilobytes.toFixed(0)} kB (scripts ${script.toFixed(0)} kB) of ${most} kB`);
  if (kilobytes > most) problems.push(`${page} names ${kilobytes.toFixed(0)} kB; ${most} kB are the most.`);
  if (page !== 'watch.html') continue;
  if (script > WATCH_SCRIPTS_KB) problems.push(`The watch page's scripts have ${script.toFixed(0)} kB; ${WATCH_SCRIPTS_KB} kB are the most.`);
  for (const file of scripts.filter((one) => LATER.test(one))) problems.push(`The watch page names ${file}, which it does not need at first.`);
}
for (const problem of problems) console.error(problem);
process.exit(problems.length > 0 ? 1 : 0);
