//! `docs/PROTOCOL.md`, sentence by sentence.

mod accounts;
mod connecting;
mod direct;
mod events;
mod framing;
mod granting;
mod handshake;
mod history;
mod keeping_alive;
mod limits;
mod malformed;
mod members;
mod messages;
mod open;
mod pages;
mod protobuf;
mod reading;
mod recovery;
mod refreshing;
mod rest;
mod rooms;
mod subscribing;
mod unavailable;
mod websocket;
