/** What a validator compiled from schemas/ looks like: a type guard that leaves its complaints in `errors`. */
export interface Validator<T> {
  (value: unknown): value is T;
  errors?: readonly SchemaError[] | null;
}

export interface SchemaError {
  /** A JSON pointer to the value. */
  readonly instancePath: string;
  readonly schemaPath: string;
  readonly keyword: string;
  readonly params: Readonly<Record<string, unknown>>;
  readonly message?: string;
}

/** Calls a validator and gives its complaints: none means that the value is a T. */
export function complaints(validator: Validator<unknown>, value: unknown): readonly SchemaError[] {
  return validator(value) ? [] : (validator.errors ?? []);
}

/** The complaints as one line for an error message: where and what, never the value. */
export function describeComplaints(errors: readonly SchemaError[]): string {
  const words = new Set(errors.map(error => wordsFor(error, errors)));
  return [...words].slice(0, 5).join('; ');
}

function wordsFor(error: SchemaError, errors: readonly SchemaError[]): string {
  const place = error.instancePath === '' ? 'it' : error.instancePath;
  if (error.keyword !== 'required') return `${place} ${error.message ?? error.keyword}`;
  // What one place lacks is said at once.
  const keys = errors
    .filter(({ keyword, instancePath }) => keyword === 'required' && instancePath === error.instancePath)
    .map(({ params }) => String(params.missingProperty));
  return `${place} lacks ${keys.join(', ')}`;
}
