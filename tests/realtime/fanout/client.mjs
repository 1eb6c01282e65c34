// What an application's page does with the official client, against two nodes: join, chat, command, resume. Reads its
// instructions as JSON from the first argument and prints one JSON object of what it saw.
import { createRequire } from "node:module";

const { player, one, two, channel, ann, mod, forged } = JSON.parse(process.argv[2]);
const { io } = createRequire(`${player}/package.json`)("socket.io-client");
const open = [];

function connect(url, token) {
  const socket = io(url, { auth: { token }, transports: ["websocket"], forceNew: true, reconnectionDelay: 50 });
  const seen = [];
  socket.on("chat.message.new", (event) => seen.push(event));
  open.push(socket);
  return { socket, seen, ask: (event, data) => socket.timeout(10_000).emitWithAck(event, { channel, ...data }) };
}

const happened = (socket, event) => new Promise((resolve) => socket.once(event, resolve));

async function until(true_) {
  for (let turn = 0; turn < 500 && !true_(); turn += 1) await new Promise((resolve) => setTimeout(resolve, 20));
}

const told = {};
const a = connect(one, ann);
const b = connect(two, mod);
told.refused = await happened(connect(one, forged).socket, "connect_error").then((error) => error.data.code);
told.joined = [await a.ask("channel.join"), await b.ask("channel.join")].map((answer) => [answer.ok, answer.role]);
for (let number = 0; number < 6; number += 1) await (number % 2 ? a : b).ask("chat.send", { cid: `c${number}`, text: `text ${number} ☕` });
await until(() => a.seen.length === 6 && b.seen.length === 6);
told.shown = [a, b].map(({ seen }) => seen.map((event) => event.text));

told.help = (await a.ask("chat.command", { text: "/help" })).reply;
told.forbidden = (await a.ask("chat.command", { text: "/ban mod" })).error.code;
told.slow = (await b.ask("chat.command", { text: "/slow 30s" })).action;
told.off = (await b.ask("chat.command", { text: "/slowoff" })).ok;
told.unknown = (await a.ask("no.such.request")).error.code;

// The connection breaks under the client; it comes back by itself and joins where it was.
await until(() => a.seen.at(-1).seq === b.seen.at(-1).seq);
const { epoch, seq } = a.seen.at(-1);
const back = happened(a.socket, "connect");
a.socket.io.engine.close();
for (let number = 0; number < 5; number += 1) await b.ask("chat.send", { cid: `away${number}`, text: `away ${number}` });
await back;
const resumed = await a.ask("channel.join", { epoch, seq });
const texts = (answer) => answer.events.filter((event) => event.type === "chat.message.new").map((event) => event.text);
told.resumed = [resumed.recovered, texts(resumed)];

// The same on the other node.
const elsewhere = connect(two, ann);
const moved = await elsewhere.ask("channel.join", { epoch, seq });
told.moved = [moved.recovered, texts(moved)];
await b.ask("chat.send", { cid: "last", text: "last" });
await until(() => elsewhere.seen.length === 1 && a.seen.at(-1).text === "last");
told.after = [elsewhere.seen.map((event) => event.text), a.seen.slice(6).map((event) => event.text)];

for (const socket of open) socket.disconnect();
console.log(JSON.stringify(told));
