// Sends a file with the official tus client, as an app's own page or server does. Reads its instructions as JSON from the first
// argument; prints a JSON line with the upload's address, one for each offset that was acknowledged, and one at the end.
import { createReadStream, statSync } from "node:fs";
import { createRequire } from "node:module";

const { player, endpoint, token, file, chunk, metadata } = JSON.parse(process.argv[2]);
const tus = createRequire(`${player}/package.json`)("tus-js-client");
const say = (told) => process.stdout.write(`${JSON.stringify(told)}\n`);

const upload = new tus.Upload(createReadStream(file), {
  endpoint, metadata, chunkSize: chunk, uploadSize: statSync(file).size, uploadDataDuringCreation: true,
  headers: { Authorization: `Bearer ${token}` },
  retryDelays: Array(60).fill(250),
  onUploadUrlAvailable: () => say({ url: upload.url }),
  onChunkComplete: (_, safe) => say({ safe }),
  onSuccess: () => say({ done: true }),
  onError: (error) => say({ error: String(error) }),
});
upload.start();
