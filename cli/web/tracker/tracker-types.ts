/**
 * The types of the tracker's module, GET /ccs.d.ts, from the contract: what each kind of event
 * needs is what the schema's `requires` says, less what the collector fills in.
 */
import {
  type AvroField,
  type AvroNode,
  parseRecordSchema,
  type RecordNode,
  unwrapOptional,
} from '../../domain/avro/schema.ts'

/** What the collector sets, or the tracker itself; a shop's code never does. */
const OWN_FIELDS = new Set([
  ...['event_type', 'sent_ts', 'received_ts', 'anonymous_id', 'session_id', 'consent'],
  ...['page', 'utm_source', 'utm_medium', 'utm_campaign'],
  ...['device', 'user_agent', 'geo_city', 'geo_country', 'source'],
])

/** @param schema the text of schemas/events.raw.avsc */
export function generateTrackerTypes(schema: string): string {
  const contract = parseRecordSchema(schema)
  const fields = contract.fields.filter(({ name }) => !OWN_FIELDS.has(name))
  const records = fields.flatMap(({ type }) => (isListOfRecords(type) ? [type.items] : []))
  const needs = Object.entries(contract.requires).map(([kind, groups]) => {
    const needed = groups
      .filter((group) => !OWN_FIELDS.has(group))
      .map((group) => group.split('|').map((name) => `{ ${name}: ${needType(contract, name)} }`))
      .map((choices) => (choices.length > 1 ? `(${choices.join(' | ')})` : choices.join('')))
    return `  ${kind}: ${['Fields', ...needed].join(' & ')}`
  })
  const others = listKinds(contract)
    .filter((kind) => !(kind in contract.requires))
    .map((kind) => `  ${kind}: Fields`)
  return [
    HEAD,
    ...records.map((record) =>
      renderInterface(
        record.name,
        record.doc || 'One line of an order.',
        record.fields,
        isOptional,
      ),
    ),
    renderInterface('Fields', 'What any event may say.', fields, () => true),
    `/** What each kind of event says; what it can't do without is not optional. */
export interface EventFields {
${[...needs, ...others].join('\n')}
}
`,
    CALLS,
  ].join('\n')
}

const HEAD = `/**
 * Types of ccs.mjs, and of the page's function \`ccs\` that ccs.js defines. Money is in
 * hundredths of the currency, times are milliseconds since 1970, UTC. Generated from
 * schemas/events.raw.avsc.
 */
`

const CALLS = `/** A kind of event. */
export type EventType = keyof EventFields

/** The fields of a kind; they may be left out if none is needed. */
export type Arguments<T extends EventType> = {} extends EventFields[T]
  ? [fields?: EventFields[T]]
  : [fields: EventFields[T]]

/** How the tracker is started. */
export interface Options {
  /** The write key, if the collector asks for one. */
  key?: string | undefined
  /** The collector's base URL; by default where the module came from. */
  to?: string | undefined
  /** false: no page views but those that the shop sends itself. */
  auto?: boolean | undefined
}

/** Starts the tracker, once per page. Calls before that are kept for it. */
export function start(options?: Options): void

/** Queues an event. It never throws; what the collector rejects is named on the console. */
export function send<T extends EventType>(type: T, ...fields: Arguments<T>): void

/** What the visitor decided; remembered. */
export function consent(given: boolean): void

/** The customer of this and the next events; without one: the customer has left. */
export function identify(customerId?: string): void

/** The page's function \`ccs\`. */
export interface Ccs {
  <T extends EventType>(type: T, ...fields: Arguments<T>): void
  (type: 'consent', given: boolean): void
  (type: 'identify', customerId?: string): void
  consent(given: boolean): void
  identify(customerId?: string): void
}

declare global {
  var ccs: Ccs
}
`

function isOptional({ hasDefault }: AvroField): boolean {
  return hasDefault
}

function isListOfRecords(node: AvroNode): node is { kind: 'array'; items: RecordNode } {
  return node.kind === 'array' && node.items.kind === 'record'
}

/** The kinds in the schema's order. */
function listKinds(contract: RecordNode): readonly string[] {
  const type = contract.fields.find(({ name }) => name === 'event_type')?.type
  return type?.kind === 'enum' ? type.symbols : []
}

function needType(contract: RecordNode, name: string): string {
  const field = contract.fields.find((one) => one.name === name)
  return field ? typeText(field.type) : 'never'
}

function renderInterface(
  name: string,
  doc: string,
  fields: readonly AvroField[],
  canMiss: (field: AvroField) => boolean,
): string {
  const lines = fields.flatMap((field) => {
    const type = typeText(field.type)
    const comment = field.doc === '' ? [] : [`  /** ${field.doc} */`]
    return [
      ...comment,
      canMiss(field) ? `  ${field.name}?: ${type} | undefined` : `  ${field.name}: ${type}`,
    ]
  })
  return `/** ${doc} */\nexport interface ${name} {\n${lines.join('\n')}\n}\n`
}

function typeText(node: AvroNode): string {
  const { node: inner } = unwrapOptional(node)
  switch (inner.kind) {
    case 'boolean':
    case 'string':
      return inner.kind
    case 'int':
    case 'long':
    case 'float':
    case 'double':
      return 'number'
    case 'enum':
      return inner.symbols.map((symbol) => `'${symbol}'`).join(' | ')
    case 'array':
      return `readonly ${typeText(inner.items)}[]`
    case 'record':
      return inner.name
    default:
      // The contract has no field of another type; JSON could not carry it.
      return 'never'
  }
}
