/** What is known of a run while it goes on. */
import type { StatusReply } from '../generated/types.ts';

/** A run as it is at one moment; schemas/status-reply.json describes it. Nothing in it is secret. */
export type Snapshot = StatusReply;
export type Problem = Snapshot['problems'][number];
export type LineSource = Snapshot['lines'][number]['source'];
