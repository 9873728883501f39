/** Replaces secret values wherever they appear; the values are added as the run learns them. */
export interface Redactor {
  /** Learns a secret value, with the forms it may appear in (base64, URL-encoded, JSON-escaped, single lines). */
  add(value: string): void;
  redact(text: string): string;
  /** The length in characters of the longest form: text that is going to be cut must be redacted this far beyond the cut. */
  readonly reach: number;
}
