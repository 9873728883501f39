/** `worker-runner/protocol`: the worker's side of protocol.md as a library. */
export {
  connectToRunner,
  type ConnectToRunnerOptions,
  type ErrorReport,
  type NewCredentials,
  type RunnerLink,
} from './worker-side.ts';
export { CAPABILITIES, type Capability } from './messages.ts';
