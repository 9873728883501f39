/** What the simulator uses of https://www.npmjs.com/package/hawk, which carries no types. */
declare module 'hawk' {
  import type { IncomingMessage } from 'node:http';

  interface HawkCredentials {
    readonly key: string;
    readonly algorithm: 'sha256';
  }
  interface HawkOptions {
    /** How far the clock that signatures are held against is ahead of Date.now. */
    readonly localtimeOffsetMsec?: number;
  }
  const hawk: {
    readonly server: {
      /** Rejects with an error whose message says why the signature does not hold. */
      authenticate(
        request: IncomingMessage,
        find: (id: string) => Promise<HawkCredentials>,
        options: HawkOptions,
      ): Promise<unknown>;
    };
    readonly utils: {
      /** Throws where the header is none of Hawk's. */
      parseAuthorizationHeader(header: string): Readonly<Record<string, string | undefined>>;
    };
  };
  export default hawk;
}
