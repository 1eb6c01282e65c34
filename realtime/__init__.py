"""Realtime room: sockets, chat, occupancy and the log that they use."""
