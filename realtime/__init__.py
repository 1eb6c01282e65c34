"""Realtime room: sockets, chat, occupancy and the log they stand on."""
