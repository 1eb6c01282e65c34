// The peer of bench/fanout.py: Node's socket.io as its documentation shows it, with WebSocket only.
const { createServer } = require('node:http');
const { Server } = require('socket.io');

const http = createServer();
const io = new Server(http, { transports: ['websocket'] });
let seq = 0;

function envelope(message) {
  const id = 'msg_' + String(++seq).padStart(26, '0');
  return {
    epoch: 'abcdefgh', seq, at: new Date().toISOString(), id, type: 'chat.message.new', channel: message.channel, cid: message.cid,
    user: { id: 'usr_1', name: 'Somebody', role: 'owner', badges: [] }, text: message.text,
  };
}

io.on('connection', (socket) => {
  socket.on('channel.join', (message, ack) => { socket.join(message.channel); ack({ ok: true }); });
  socket.on('channel.leave', (message, ack) => { socket.leave(message.channel); ack({ ok: true }); });
  socket.on('chat.send', (message, ack) => {
    const made = envelope(message);
    io.to(message.channel).emit('chat.message.new', made);
    ack({ ok: true, id: made.id, seq: made.seq });
  });
  socket.on('each', (message, ack) => {
    const made = envelope(message);
    for (const one of io.of('/').sockets.values()) one.emit('chat.message.new', made);
    ack({ ok: true, id: made.id, seq: made.seq });
  });
});
http.listen(Number(process.argv[2]), '127.0.0.1', 4096);
