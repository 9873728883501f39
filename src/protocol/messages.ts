/** The messages of protocol.md, as both sides see them. */

export const CAPABILITIES = [
  'graceful-termination',
  'new-credentials',
  'error-report',
  'log',
  'shutdown',
] as const;
export type Capability = (typeof CAPABILITIES)[number];

export interface WelcomeMessage {
  readonly type: 'welcome';
  readonly capabilities: readonly string[];
}
export interface HelloMessage {
  readonly type: 'hello';
  readonly capabilities: readonly string[];
}
export interface LogMessage {
  readonly type: 'log';
  readonly body: Readonly<Record<string, unknown>>;
}
export interface ShutdownMessage {
  readonly type: 'shutdown';
}
export interface GracefulTerminationMessage {
  readonly type: 'graceful-termination';
  readonly 'finish-tasks': boolean;
}
export interface NewCredentialsMessage {
  readonly type: 'new-credentials';
  readonly 'client-id': string;
  readonly 'access-token': string;
  readonly certificate?: string;
}
export interface ErrorReportMessage {
  readonly type: 'error-report';
  readonly kind: string;
  readonly title: string;
  readonly description: string;
  readonly extra: Readonly<Record<string, unknown>>;
}

/** What the runner sends after the handshake. The message's type is also the capability that it needs. */
export type RunnerMessage = GracefulTerminationMessage | NewCredentialsMessage;
/** What the worker sends after the handshake. */
export type WorkerMessage = LogMessage | ShutdownMessage | ErrorReportMessage;
