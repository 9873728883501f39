/** Makes one self-contained page of src/status/page/, and the content security policy that lets nothing else into it. */
import { createHash } from 'node:crypto';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { build } from 'esbuild';

const source = join(import.meta.dirname, '..', 'src', 'status', 'page');

/** @param target the folder that the page is written to, as status-page.json: `{html, policy}` */
export async function writeStatusPage(target: string): Promise<void> {
  const [frame, css, script] = await Promise.all([
    readFile(join(source, 'page.html'), 'utf8'),
    bundled('page.css'),
    bundled('page.ts'),
  ]);
  const html = filled(filled(frame, 'style', css), 'script', script);
  const policy = [
    "default-src 'none'",
    `script-src '${hash(script)}'`,
    `style-src '${hash(css)}'`,
    "connect-src 'self'",
    'img-src data:',
    "base-uri 'none'",
    "form-action 'none'",
    "frame-ancestors 'none'",
  ].join('; ');
  await writeFile(join(target, 'status-page.json'), JSON.stringify({ html, policy }));
}

async function bundled(file: string): Promise<string> {
  const { outputFiles } = await build({
    entryPoints: [join(source, file)],
    bundle: true,
    write: false,
    format: 'iife',
    target: 'es2023',
    minifyWhitespace: true,
    legalComments: 'none',
  });
  const text = outputFiles[0]?.text ?? '';
  // It would end the element that it stands in.
  if (/<\/(script|style)/i.test(text)) throw new Error(`src/status/page/${file} must not hold an end tag`);
  return text;
}

function filled(html: string, tag: string, text: string): string {
  const empty = `<${tag}></${tag}>`;
  if (!html.includes(empty)) throw new Error(`page.html has no ${empty}`);
  return html.replace(empty, () => `<${tag}>${text}</${tag}>`);
}

function hash(text: string): string {
  return `sha256-${createHash('sha256').update(text).digest('base64')}`;
}
