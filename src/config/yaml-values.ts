import type * as yamlModule from 'yaml';
import type { Alias, Document, Node, Pair, Scalar, YAMLMap } from 'yaml';
import type { Mistake } from './mistakes.ts';
import { shownKey } from './describe.ts';
import { pointerTo, type Place, type Places } from './places.ts';
import { ambiguity, unholdable } from './yaml-numbers.ts';

/** Values after aliases were followed. Ten lines of aliases to aliases make billions (the "billion laughs"). */
const MOST_VALUES = 100_000;
const DEEPEST = 100;

/** YAML's own tags whose values JSON has too (and `!`, which only says "text"). All others are for programs. */
const TAGS = new Set([
  '!',
  ...['str', 'int', 'float', 'bool', 'null', 'map', 'seq'].map(tag => `tag:yaml.org,2002:${tag}`),
]);

/** What a text says, as JSON values. A value that is itself a mistake stands in it all the same, or is left out. */
export interface YamlValue {
  readonly value: unknown;
  readonly places: Places;
  readonly mistakes: readonly Mistake[];
}

/** A document that is not worth looking at any further. */
export class TooMuch extends Error {
  readonly offset: number;

  constructor(offset: number, message: string) {
    super(message);
    this.offset = offset;
  }
}

/** The parser's module, which is loaded late. */
type Yaml = typeof yamlModule;

/** One walk over a document: it makes the values, and notes where each stands and what is wrong. */
interface Walk {
  readonly yaml: Yaml;
  readonly targets: ReadonlyMap<Alias, Node>;
  readonly places: Map<string, Place>;
  readonly mistakes: Mistake[];
  /** The nodes that are being walked: an alias to one of them would never end. */
  readonly open: Set<unknown>;
  values: number;
}

/** The document's value as JSON, with the place of each part. The parser's own conversion would lose the places. */
export function valueOf(yaml: Yaml, document: Document.Parsed): YamlValue {
  const walk: Walk = {
    yaml,
    targets: aliasTargets(yaml, document),
    places: new Map(),
    mistakes: [],
    open: new Set(),
    values: 0,
  };
  walk.places.set('', { value: document.contents?.range[0] ?? 0 });
  const value = nodeValue(walk, document.contents, '');
  return { value, places: walk.places, mistakes: walk.mistakes };
}

/** An alias means the last anchor of its name before it. */
function aliasTargets(yaml: Yaml, document: Document.Parsed): ReadonlyMap<Alias, Node> {
  const anchors = new Map<string, Node>();
  const targets = new Map<Alias, Node>();
  yaml.visit(document, {
    Node(_, node) {
      if (!yaml.isAlias(node)) {
        if (node.anchor !== undefined) anchors.set(node.anchor, node);
        return;
      }
      const target = anchors.get(node.source);
      if (target !== undefined) targets.set(node, target);
    },
  });
  return targets;
}

function nodeValue(walk: Walk, node: unknown, pointer: string): unknown {
  const { yaml } = walk;
  if (!yaml.isNode(node)) return null;
  count(walk, node);
  if (yaml.isAlias(node)) {
    const target = aliasTarget(walk, node);
    return target === undefined ? null : nodeValue(walk, target, pointer);
  }
  checkTag(walk, node);
  if (yaml.isScalar(node)) return scalarValue(walk, node);
  if (walk.open.size >= DEEPEST)
    throw new TooMuch(offsetOf(node), `this is nested more than ${DEEPEST} levels deep`);
  walk.open.add(node);
  const value = yaml.isMap(node) ? mapValue(walk, node, pointer) : listValue(walk, node.items, pointer);
  walk.open.delete(node);
  return value;
}

function count(walk: Walk, node: unknown): void {
  if (++walk.values <= MOST_VALUES) return;
  throw new TooMuch(offsetOf(node), `the file holds more than ${MOST_VALUES} values, aliases followed`);
}

/** The names of aliases and tags are not told: a password may begin with * or !. */
function aliasTarget(walk: Walk, alias: Alias): Node | undefined {
  const target = walk.targets.get(alias);
  if (target !== undefined && !walk.open.has(target)) return target;
  const unset =
    'no anchor (&name) of this name stands before this alias (*name); quote the value if it is text';
  note(walk, alias, target === undefined ? unset : 'this alias (*name) stands inside what it means');
  return undefined;
}

function checkTag(walk: Walk, node: Node): void {
  const { tag } = node;
  if (tag === undefined || TAGS.has(tag)) return;
  note(walk, node, 'this tag (!name) has no meaning here: remove it, and quote the value if it is text');
}

function scalarValue(walk: Walk, scalar: Scalar): unknown {
  const trouble = scalarTrouble(scalar);
  if (trouble !== undefined) note(walk, scalar, trouble);
  return scalar.value;
}

function scalarTrouble({ type, source = '', tag, value }: Scalar): string | undefined {
  const plain = type === 'PLAIN' && tag === undefined ? ambiguity(source) : undefined;
  return plain ?? (typeof value === 'number' ? unholdable(source, value) : undefined);
}

function listValue(walk: Walk, items: readonly unknown[], pointer: string): readonly unknown[] {
  return items.map((item, index) => {
    const itemPointer = pointerTo(pointer, index);
    walk.places.set(itemPointer, { value: offsetOf(item) });
    return nodeValue(walk, item, itemPointer);
  });
}

function mapValue(walk: Walk, map: YAMLMap, pointer: string): Record<string, unknown> {
  const result: Record<string, unknown> = {};
  fill(walk, map, result, pointer);
  return result;
}

/** Adds what a mapping holds to a result that may have keys already: those stand (so works YAML's merge key `<<`). */
function fill(walk: Walk, map: YAMLMap, result: Record<string, unknown>, pointer: string): void {
  const seen = new Set<string>();
  let merged: Pair | undefined;
  for (const pair of map.items) {
    const key = keyOf(walk, pair.key);
    if (key === undefined) continue;
    if (seen.has(key)) {
      const advice = key === '<<' ? ': write <<: [*one, *other]' : '';
      note(walk, pair.key, `the key ${shownKey(key)} stands twice in its mapping${advice}`);
      continue;
    }
    seen.add(key);
    if (isMergeKey(walk, pair.key)) merged = pair;
    else if (!Object.hasOwn(result, key)) result[key] = itemValue(walk, pair, pointerTo(pointer, key));
  }
  if (merged !== undefined) merge(walk, merged.value, result, pointer);
}

function itemValue(walk: Walk, { key, value }: Pair, pointer: string): unknown {
  const keyOffset = offsetOf(key);
  walk.places.set(pointer, { key: keyOffset, value: walk.yaml.isNode(value) ? offsetOf(value) : keyOffset });
  return nodeValue(walk, value, pointer);
}

/** Merges a mapping, or a list of them, of which the first to have a key gives it (yaml.org/type/merge.html). */
function merge(walk: Walk, source: unknown, result: Record<string, unknown>, pointer: string): void {
  const { yaml } = walk;
  count(walk, source);
  const node = yaml.isAlias(source) ? aliasTarget(walk, source) : source;
  if (node === undefined) return;
  walk.open.add(node);
  if (yaml.isMap(node)) fill(walk, node, result, pointer);
  else if (yaml.isSeq(node)) node.items.forEach(item => merge(walk, item, result, pointer));
  else note(walk, source, '<< takes a mapping, an alias to one, or a list of those');
  walk.open.delete(node);
}

function isMergeKey(walk: Walk, key: unknown): boolean {
  return walk.yaml.isScalar(key) && key.type === 'PLAIN' && key.source === '<<';
}

/** A key as text: `1: x` has the key "1", as JSON would spell it. */
function keyOf(walk: Walk, key: unknown): string | undefined {
  if (!walk.yaml.isScalar(key)) {
    note(walk, key, 'a key must be a text, not a list, a mapping or an alias');
    return undefined;
  }
  checkTag(walk, key);
  const plain = key.type === 'PLAIN';
  const text = plain ? (key.source ?? '') : String(key.value);
  const trouble = keyTrouble(text, plain);
  if (trouble === undefined) return text;
  note(walk, key, trouble);
  return undefined;
}

function keyTrouble(text: string, plain: boolean): string | undefined {
  if (plain && text === '') return 'a key is missing before this ":"';
  // As an object's key it would set the prototype of whatever it is copied into.
  if (text === '__proto__') return 'the key "__proto__" is not allowed';
  return plain ? ambiguity(text) : undefined;
}

function note(walk: Walk, node: unknown, text: string): void {
  walk.mistakes.push({ offset: offsetOf(node), text });
}

function offsetOf(node: unknown): number {
  if (typeof node !== 'object' || node === null || !('range' in node)) return 0;
  return Array.isArray(node.range) && typeof node.range[0] === 'number' ? node.range[0] : 0;
}
