/** What `ccs doctor` says of the collector: its settings, and what its senders leave out. */
import { isLoopbackHost } from '../collector/check-settings.ts'
import type { CollectFigures, SenderFigures } from '../collector/figures.ts'
import type { CollectSettings } from '../config/read-collect.ts'
import { formatCount } from '../kernel/units.ts'
import type { Check } from './doctor.ts'

/** A sender with fewer events is not judged. */
const EVENTS_MIN = 20
/** From this share on, what a sender leaves out is no accident. */
const SHARE_MIN = 0.05

/** One line for the settings, and one for each thing that a sender leaves out. */
export function checkCollector(
  settings: CollectSettings,
  figures: CollectFigures | undefined,
): readonly Check[] {
  return [checkDoor(settings), ...(figures ? checkSenders(figures) : [])]
}

function checkDoor({ host, port, keys, origins, headers, missing }: CollectSettings): Check {
  const name = 'collector'
  const [variable] = missing
  if (variable !== undefined)
    return {
      ...{ name, status: 'warning', detail: `${variable} of collect in ccs.yml is not set.` },
      hint: 'ccs collect does not start without it.',
    }
  const senders = keys.size === 0 ? 'anyone here may send' : `${keys.size} senders have keys`
  const pages = origins.length === 0 ? 'no page but its own' : `pages of ${origins.join(', ')}`
  const detail = `${host}:${port}: ${senders}; ${pages}.`
  if (isLoopbackHost(host) && origins.length > 0 && headers.address === '')
    return {
      ...{ name, status: 'warning', detail: `${detail} Visitors behind a proxy look like one.` },
      hint: 'Name the header with their address: collect.headers.address in ccs.yml.',
    }
  return { name, status: 'ok', detail }
}

type Lack = readonly [count: number, what: string, hint: string]

function checkSenders({ senders }: CollectFigures): readonly Check[] {
  return Object.entries(senders).flatMap(([name, figures]) => {
    const { accepted, duplicate, rejected } = figures.outcomes
    const events = accepted + duplicate + rejected
    if (events < EVENTS_MIN) return []
    return listLacks(figures, events)
      .filter(([count]) => count / events >= SHARE_MIN)
      .map(([count, what, hint]): Check => {
        const share = `${formatCount(count)} of ${formatCount(events)} events`
        return { name: 'sender', status: 'warning', detail: `${name}: ${share} ${what}.`, hint }
      })
  })
}

function listLacks(figures: SenderFigures, events: number): readonly Lack[] {
  const { withoutId, withoutTime, sharedTime, ignored, outcomes } = figures
  const names = Object.keys(ignored)
  const most = Math.max(0, ...Object.values(ignored))
  return [
    [
      withoutId,
      'have no event_id: one that is sent twice may count twice',
      'Make a UUID when the event happens, and send the same one with each attempt.',
    ],
    [
      withoutTime,
      'have no event_ts: they count when they arrive',
      'Send the time at which it happened, and sent_ts with the request.',
    ],
    [
      sharedTime,
      'share their time with another of their request',
      'Take the time when each event happens, not when they are sent together.',
    ],
    [
      outcomes.rejected,
      'were rejected',
      'See which and why: ccs dlq ls. What was kept can be sent again.',
    ],
    [
      Math.min(most, events),
      `have members that the contract has no field for: ${names.slice(0, 5).join(', ')}`,
      'Add them to schemas/events.raw.avsc, or stop sending them: they are not kept.',
    ],
  ]
}
