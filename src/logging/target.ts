/** Where a log's text ends up: a terminal, a pipe, a file. */
export interface Target {
  /**
   * Resolves once the operating system has taken all of the text. Called again only after the last call has settled.
   * @throws the system error; part of the text may have been written
   */
  write(text: string): Promise<void>;
  /** Opens a file anew that another program has moved away. Never rejects: the old one is good enough. */
  reopen(): Promise<void>;
  /** Frees what is held, and gives up a write that still hangs. */
  close(): void;
}
