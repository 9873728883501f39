/** Who may know whom (docs/architecture.md). `npm run lint` holds every import of src/ to it. */

/** A room's door: the interface file that any other room may import types from. */
const DOORS = [
  'logging/log',
  'logging/redactor',
  'taskcluster/taskcluster',
  'protocol/messages',
  'supervision/process',
  'workers/worker',
  'metadata/metadata',
  'providers/provider',
  'files/files',
  'state/state',
  'config/runner-config',
].map(door => `^src/${door}[.]ts$`);

/** The words that every room shares. */
const VOCABULARY = '^src/[^/]+[.]ts$';

function roomKnowsOnly(room, ...known) {
  return {
    name: `${room}-knows-only-doors`,
    comment: `${room} may import the shared vocabulary, the doors of other rooms${known.length > 0 ? ` and ${known.join(', ')}` : ''}`,
    severity: 'error',
    from: { path: `^src/${room}/` },
    to: {
      path: '^src/',
      pathNot: [VOCABULARY, '^src/generated/', ...DOORS, ...[room, ...known].map(name => `^src/${name}/`)],
    },
  };
}

module.exports = {
  forbidden: [
    {
      name: 'no-circles',
      severity: 'error',
      from: {},
      to: { circular: true, viaOnly: { dependencyTypesNot: ['type-only'] } },
    },
    {
      name: 'vocabulary-knows-nobody',
      severity: 'error',
      from: { path: VOCABULARY },
      to: { path: '^src/[^/]+/', pathNot: '^src/generated/' },
    },
    ...['metadata', 'workers', 'protocol', 'supervision', 'taskcluster', 'config'].map(room =>
      roomKnowsOnly(room),
    ),
    roomKnowsOnly('providers', 'metadata'),
    roomKnowsOnly('files', 'platform'),
    roomKnowsOnly('state', 'platform'),
    roomKnowsOnly('status'),
    roomKnowsOnly('service-manager', 'platform'),
    {
      name: 'platform-knows-nobody',
      severity: 'error',
      from: { path: '^src/platform/' },
      to: { path: '^src/', pathNot: ['^src/platform/', VOCABULARY] },
    },
    {
      name: 'logging-knows-nobody',
      severity: 'error',
      from: { path: '^src/logging/' },
      to: { path: '^src/', pathNot: ['^src/logging/', VOCABULARY] },
    },
    {
      name: 'simulator-shares-no-code',
      comment:
        'The simulator shares schemas, not code, with what it simulates: else a test proves only that we agree with ourselves. It reads YAML as config/ does',
      severity: 'error',
      from: { path: '^src/simulator/' },
      to: {
        path: '^src/',
        pathNot: [
          VOCABULARY,
          '^src/(generated|simulator|platform)/',
          '^src/config/(yaml|places|units|mistakes)[.]ts$',
        ],
      },
    },
    {
      name: 'bin-knows-its-program',
      severity: 'error',
      from: { path: '^src/bin/' },
      to: { path: '^src/', pathNot: ['^src/(runner/start-worker|simulator/[^/]+)[.]ts$'] },
    },
    {
      name: 'no-room-knows-the-runner',
      severity: 'error',
      from: { path: '^src/(?!runner/|bin/)' },
      to: { path: '^src/runner/' },
    },
    { name: 'resolvable', severity: 'error', from: {}, to: { couldNotResolve: true } },
  ],
  options: {
    doNotFollow: { path: 'node_modules' },
    tsPreCompilationDeps: true,
    tsConfig: { fileName: 'tsconfig.json' },
    enhancedResolveOptions: {
      extensions: ['.ts', '.js', '.json'],
      exportsFields: ['exports'],
      conditionNames: ['import', 'node', 'default'],
    },
  },
};
