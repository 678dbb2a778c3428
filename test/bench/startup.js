/** What a command costs before it does anything: `--version` and `--help` against a bare `node -e 0`. */
import { measure, median } from './measure.js'
import { CCS } from './project.js'
import { goal } from './report.js'

export const startup = {
  name: 'startup',
  title: 'ccs --version and --help, against node -e 0',
  events: { full: 21, quick: 11 },
  async run({ events: runs }) {
    const node = process.execPath
    const sides = {
      'node -e 0': ['-e', '0'],
      'ccs --version': [CCS, '--version'],
      'ccs --help': [CCS, '--help'],
    }
    const found = Object.fromEntries(Object.keys(sides).map((side) => [side, []]))
    for (let i = 0; i < runs; i++)
      for (const [side, args] of Object.entries(sides))
        found[side].push(
          await measure(node, [`--require=${import.meta.dirname}/cpu-at-exit.cjs`, ...args]),
        )
    const ms = (side) => median(found[side].map(({ stdout }) => cpuAtExit(stdout)))
    const bare = ms('node -e 0')
    return {
      rows: Object.keys(sides).map((side) => ({
        side,
        'CPU ms': ms(side),
        'wall ms': median(found[side].map((one) => one.wallSeconds * 1000)),
        ratio: ms(side) / bare,
      })),
      goals: ['ccs --version', 'ccs --help'].map((side) =>
        goal(`CPU of ${side} / node -e 0`, ms(side) / bare, '<= 3'),
      ),
      notes: [
        `Medians of ${runs} interleaved runs; CPU as the process itself counts it at its end.`,
      ],
    }
  },
}

/** /proc counts in steps of 10 ms, too coarse here: the process prints its own microseconds. */
function cpuAtExit(stdout) {
  return Number(/cpu_us=(\d+)/.exec(stdout)?.[1] ?? Number.NaN) / 1000
}
