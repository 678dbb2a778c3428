/** No password of an address appears in a message, however malformed the address is. */
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { parseConfig } from '../../../cli/domain/config/config.ts'
import { formatError, toErrorDocument } from '../../../cli/domain/console/text.ts'
import { CcsError } from '../../../cli/domain/kernel/errors.ts'
import { redactAddress, redactLine } from '../../../cli/domain/kernel/redact.ts'

const SECRET = 'hunter2'

/** Everything that a command prints of an error, for people and as JSON. */
function printed(run: () => unknown): string {
  try {
    run()
    return ''
  } catch (error) {
    if (!(error instanceof CcsError)) throw error
    return JSON.stringify([formatError(error, (_, text) => text), toErrorDocument(error)])
  }
}

const junk = fc.string({ unit: fc.constantFrom(...'ab:/@?# ,;%[]{}"\'\\0'), maxLength: 6 })
const scheme = fc.constantFrom(...['http://', 'https:', 'http//', 'sasl_ssl://', '//', ''])
/** Such as `http//a@:hunter2 @[:x`: always with an `@` behind the password. */
const address = fc
  .tuple(scheme, junk, junk, junk, fc.constantFrom('host:8081', ':99999', '[', ''))
  .map(([start, user, more, tail, host]) => `${start}${user}:${SECRET}${more}@${tail}${host}`)

test.each([
  ['http://user:hunter2@host:99999/x', 'http://***@host:99999/x'],
  ['http:/user:hun@ter2@host', '***@host'],
  ['SASL_SSL://u:p@a:1,u:p@b:2', '***@b:2'],
  ['http://host:8081', 'http://host:8081'],
])('of %s is shown %s', (text, shown) => {
  expect(redactAddress(text)).toBe(shown)
})

test.each([
  ['    url: http://u:hunter2@host', '    url: ***@host'.replace('***', 'http://***')],
  ['    password: hunter2', '    password: ***'],
  [
    '  registry: { url: "http://r", password: "hunter2" }',
    '  registry: { url: "http://r", password: "***',
  ],
  ['  "sasl.jaas.config": "a b=hunter2;"', '  "sasl.jaas.config": "***'],
  ['timezone: Europe/Berlin', 'timezone: Europe/Berlin'],
])('of the line %s is shown %s', (line, shown) => {
  expect(redactLine(line)).toBe(shown)
})

test('no address in any setting of a target shows its password', () => {
  const places = ['kafka.brokers', 'registry.url', 'connect.url', 'kafka.sasl.token_url', 'data']
  fc.assert(
    fc.property(address, fc.constantFrom(...places), fc.boolean(), (text, place, isQuoted) => {
      const written = isQuoted ? JSON.stringify(text) : text
      const [first = '', ...rest] = place.split('.').reverse()
      const flow = rest.reduce((inner, key) => `{ ${key}: ${inner} }`, `{ ${first}: ${written} }`)
      const lines = place.split('.').map((key, index) => `${'  '.repeat(index + 2)}${key}:`)
      const block = `targets:\n  x:\n    engine: embedded\n${lines.join('\n')} ${written}\n`
      const config = (body: string) => () => parseConfig(body, {}, 'ccs.yml')
      expect(printed(config(`targets: { x: ${flow} }\n`))).not.toContain(SECRET)
      expect(printed(config(block))).not.toContain(SECRET)
    }),
    { numRuns: 300 },
  )
})

test('a secret that is no text is refused without being shown, also from the environment', () => {
  const text = 'targets:\n  x:\n    registry:\n      url: http://r\n      password: '
  const env = { SECRET: '4711471147' }
  for (const value of ['${SECRET}', '4711471147', '\n        4711471147', '[4711471147]'])
    expect(
      printed(() => parseConfig(`${text}${value}\n`, env)),
      value,
    ).not.toContain('4711471147')
  expect(printed(() => parseConfig(`${text}\${SECRET}\n`, env))).toContain('must be a text')
})
