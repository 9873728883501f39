/**
 * The door of the metadata room: what a cloud tells a machine on an address that only the machine itself can reach.
 * Requests go there directly (never through a proxy), follow no redirects, and share kept connections.
 */

/** Where a cloud's metadata service is. */
export interface MetadataService {
  /** For the log and errors: `the AWS metadata service`. */
  readonly name: string;
  /** `http://169.254.169.254`, then IPv6; the next is tried only where there is no route to the one before. */
  readonly origins: readonly string[];
  /** The environment variable that named the origin, where one did: then no real cloud may have answered. */
  readonly override?: string;
  /** Whether a reply is one that this cloud gives, and no captive portal or other cloud. */
  recognizes(reply: MetadataReply): boolean;
}

export interface MetadataRequest {
  /** Default: GET. */
  readonly method?: 'GET' | 'PUT' | 'POST';
  /** Path and query. */
  readonly path: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
  /** How long a patient client asks long after the boot, at most metadata.giveUpAfter. Default: 10 s. */
  readonly latePatienceMs?: number;
  /** Advice for an error: what it means where connections are accepted and this request is never answered. */
  readonly ifSilent?: string;
}

export interface MetadataReply {
  /** For errors: the whole URL that was asked. */
  readonly url: string;
  readonly status: number;
  /** Names in lower case. */
  readonly headers: Readonly<Record<string, string | undefined>>;
  /** The body, complete. */
  readonly text: string;
}

/**
 * A reply of any status is an answer (404: there is no such value); only what is no reply at all rejects, with a
 * RunnerError `metadata.*` of exit `metadata` that names the URL, what was expected and the likely cause.
 */
export interface MetadataClient {
  /**
   * For the boot: 410, 429, 5xx, cut replies and silence are tried again, each try bounded, until metadata.giveUpAfter
   * has passed since this client's first request. One warning after 15 s, for all requests together. Where `read` throws
   * what read.ts calls unreadable (HTML, truncated JSON), the request is tried again for some seconds; every other error
   * of `read` is final.
   */
  read<T>(request: MetadataRequest, read: (reply: MetadataReply) => T, signal: AbortSignal): Promise<T>;
  /** For polling: one try. Without a time limit (Infinity) it ends with its signal. */
  askOnce(request: MetadataRequest, timeoutMs: number, signal: AbortSignal): Promise<MetadataReply>;
  /** Whether anything has answered so far as this cloud does, on its real address (no override). */
  readonly answeredOnRealAddress: boolean;
  /** Ends every request that is under way, and the kept connections. */
  close(): void;
}
