// The SDK's two builds, one for each format of the wire: CHAT_SDK_FORMAT says which is under test.
import assert from 'node:assert/strict';
import { Centrifuge as JsonCentrifuge } from 'centrifuge';
import { Centrifuge as ProtobufCentrifuge } from 'centrifuge/build/protobuf';

const lines = (frame) => String(frame).split('\n').map((line) => JSON.parse(line));
const text = new TextDecoder('utf-8', { fatal: true });
const bytes = new TextEncoder();

/** What the build for Protobuf takes and gives as data is bytes; here they are always those of JSON. */
const read = (data) => JSON.parse(text.decode(data));

/** A message as JSON has it: plain objects, their data read. */
function plain(value) {
  if (value instanceof Uint8Array) return read(value);
  if (Array.isArray(value)) return value.map(plain);
  if (value === null || typeof value !== 'object') return value;
  return Object.fromEntries(Object.entries(value).map(([name, it]) => [name, plain(it)]));
}

const FORMATS = {
  json: {
    Centrifuge: JsonCentrifuge,
    write: (data) => data,
    read: (data) => data,
    commands: (_, frame) => lines(frame),
    replies: (_, frame) => lines(frame),
  },
  protobuf: {
    Centrifuge: ProtobufCentrifuge,
    write: (data) => bytes.encode(JSON.stringify(data)),
    read,
    // The SDK's own codec knows both directions.
    commands: (sdk, frame) => sdk._codec.decodeCommands(frame).map(plain),
    replies: (sdk, frame) => sdk._codec.decodeReplies(frame).map(plain),
  },
};

const name = process.env.CHAT_SDK_FORMAT ?? 'json';

/** The build under test: how data goes in and comes out, and what frames of an SDK hold. */
export const format = FORMATS[name];
assert.ok(format, `CHAT_SDK_FORMAT is ${Object.keys(FORMATS).join(' or ')}, not ${name}`);
