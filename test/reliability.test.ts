/**
 * docs/reliability.md is a promise: each row of its tables is held to a test that there is, and each fault's test to a
 * row.
 */
import assert from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import ts from 'typescript';
import { ROOT } from './support/program.ts';

interface Citation {
  readonly row: string;
  /** From the top of the checkout. */
  readonly file: string;
  readonly name: string;
}

/** The tests of a file, by their names, with `…` for what a loop makes of one. */
interface TestNames {
  readonly tests: readonly NamedTest[];
  /** Texts of the file that may be names: where a loop takes whole names out of a table. */
  readonly others: readonly string[];
}

interface NamedTest {
  readonly name: string;
  /** With the name of its suite before it, where it is in one. */
  readonly whole: string;
}

/** A name that a loop takes whole out of a table. */
const FROM_TABLE = '';

const DOC = 'docs/reliability.md';
const HEAD = '| Fault | What happens | Shown by |';

function rowsOf(markdown: string): readonly string[] {
  const rows: string[] = [];
  let inTable = false;
  for (const line of markdown.split('\n')) {
    if (/^\| *Fault *\| *What happens *\| *Shown by *\|$/.test(line)) inTable = true;
    else if (!line.startsWith('|')) inTable = false;
    else if (inTable && !/^\|[-| :]+\|$/.test(line)) rows.push(line);
  }
  return rows;
}

/** The last cell: `test/faults/disk.test.ts: the name`, several of them with `<br>` between. */
function citationsOf(row: string): readonly Citation[] {
  const cells = row.split('|').slice(1, -1);
  assert.equal(cells.length, 3, `three cells: ${row}`);
  return (cells[2] ?? '').split('<br>').map(text => {
    const [, file, name] =
      /^`?\[?`?(test\/[\w/-]+\.test\.ts)`?(?:\]\([^)]*\))?`?: (.+)$/.exec(text.trim()) ?? [];
    assert.ok(file !== undefined && name !== undefined, `no \`test/….test.ts: name\` in: ${row}`);
    return { row, file, name: name.trim() };
  });
}

function isNamed(name: string, text: string): boolean {
  const parts = text.split('…').map(part => part.replaceAll(/[.*+?^${}()|[\]\\]/g, String.raw`\$&`));
  return new RegExp(`^${parts.join('.+')}$`).test(name);
}

function cites({ name }: Citation, { name: own, whole }: NamedTest): boolean {
  return isNamed(name, own) || isNamed(name, whole);
}

function namesIn(file: string): TestNames {
  const source = ts.createSourceFile(file, readFileSync(join(ROOT, file), 'utf8'), ts.ScriptTarget.Latest);
  const tests: NamedTest[] = [];
  const literals: string[] = [];
  function visit(node: ts.Node, suites: string): void {
    if (ts.isStringLiteral(node) || ts.isNoSubstitutionTemplateLiteral(node)) literals.push(node.text);
    let inside = suites;
    if (ts.isCallExpression(node)) {
      const callee = calleeOf(node.expression);
      const [first] = node.arguments;
      const name = first === undefined ? undefined : textOf(first);
      if (/^(suite|describe)$/.test(callee)) inside = `${suites}${name ?? '…'} `;
      else if (/^(test|it)$/.test(callee)) {
        tests.push({ name: name ?? FROM_TABLE, whole: suites + (name ?? FROM_TABLE) });
      }
    }
    ts.forEachChild(node, child => visit(child, inside));
  }
  visit(source, '');
  const named = tests.filter(({ name }) => name !== FROM_TABLE);
  return {
    tests: named,
    others: named.length < tests.length ? literals.filter(text => text.includes(' ')) : [],
  };
}

function calleeOf(expression: ts.Expression): string {
  return ts.isIdentifier(expression) ? expression.text : '';
}

function textOf(name: ts.Expression): string | undefined {
  if (ts.isStringLiteral(name) || ts.isNoSubstitutionTemplateLiteral(name)) return name.text;
  if (!ts.isTemplateExpression(name)) return undefined;
  return [name.head.text, ...name.templateSpans.map(({ literal }) => literal.text)].join('…');
}

const citations = rowsOf(readFileSync(join(ROOT, DOC), 'utf8')).flatMap(citationsOf);

void test('each row of docs/reliability.md names a test that there is', () => {
  assert.ok(citations.length > 0, `no table with the head ${HEAD}`);
  for (const { row, file, name } of citations) {
    assert.ok(existsSync(join(ROOT, file)), `${file} is missing: ${row}`);
    const { tests, others } = namesIn(file);
    assert.ok(
      tests.some(named => cites({ row, file, name }, named)) || others.includes(name),
      `${file} has no test “${name}”`,
    );
  }
});

void test('each test of a fault stands in docs/reliability.md', () => {
  const files = readdirSync(join(ROOT, 'test/faults')).filter(name => name.endsWith('.test.ts'));
  const missing = files.flatMap(name => {
    const file = `test/faults/${name}`;
    const cited = citations.filter(citation => citation.file === file);
    const uncited = namesIn(file).tests.filter(named => !cited.some(citation => cites(citation, named)));
    return uncited.map(({ whole }) => `${file}: ${whole}`);
  });
  assert.deepEqual(missing, []);
});
