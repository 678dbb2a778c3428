/**
 * Takes the pictures of the README: the live page of a shop with eight days behind it, on a desk and on a
 * phone. `npm run screenshots`; needs a Chromium (CCS_CHROMIUM, or one in the PATH) and some minutes.
 */
import { spawn } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { findChromium, startBrowser } from './fixtures/browser.js'

const ROOT = path.resolve(import.meta.dirname, '..')
const IMAGES = path.join(ROOT, 'docs/img')
const DAYS = 8
const EVENTS = 700_000
/** About what the history has at noon, so that live events continue it without a step. */
const EPS = 2
const LIVE_MS = 90_000
const GENERATED_IN_MS = 25_000
const BYTES_MAX = 300_000

const PICTURES = [
  { name: 'live', width: 1440, height: 900, scale: 1, colorScheme: 'light' },
  { name: 'live-phone', width: 390, height: 844, scale: 2, colorScheme: 'dark' },
]

const executable = findChromium()
if (!executable) throw new Error('There is no Chromium: set CCS_CHROMIUM to one.')
const dir = mkdtempSync(path.join(tmpdir(), 'ccs-screenshots-'))
const data = ['--data', path.join(dir, 'data')]
const running = []
try {
  // To the moment when live events begin, so that the chart has no hole.
  const endMs = Date.now() + GENERATED_IN_MS
  const [from, to] = [endMs - DAYS * 86_400_000, endMs].map((ms) => new Date(ms).toISOString())
  const faults = ['--late', '1%', '--duplicates', '0.5%', '--invalid', '0.1%', '--disorder', '2%']
  await ended(ccs('gen', ...data, '--from', from, '--to', to, '--count', EVENTS, ...faults))
  const engine = ccs('up', ...data, '--eps', EPS, '--port', 0, ...process.argv.slice(2))
  const url = await firstUrl(engine)
  await takePictures(url)
  engine.kill('SIGTERM')
  await ended(engine)
} finally {
  for (const child of running) if (child.exitCode === null) child.kill('SIGKILL')
  rmSync(dir, { recursive: true, force: true })
}

function ccs(...args) {
  const child = spawn(process.execPath, [path.join(ROOT, 'bin/run.js'), ...args.map(String)], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  running.push(child)
  child.stdout.setEncoding('utf8')
  return child
}

function ended(child) {
  child.stdout.resume()
  return new Promise((resolve, reject) => {
    child.once('error', reject)
    child.once('exit', (code) => (code === 0 ? resolve() : reject(new Error(`exit ${code}`))))
  })
}

function firstUrl(child) {
  let output = ''
  return new Promise((resolve, reject) => {
    child.stdout.on('data', (text) => {
      output += text
      // The address with the token: the pictures show orders and events too.
      const url = /http:\/\/127\.0\.0\.1:\d+\/\?token=\S+/.exec(output)?.[0]
      if (url) resolve(url)
    })
    child.once('exit', () => reject(new Error(`ccs up ended:\n${output}`)))
  })
}

async function caughtUp(url) {
  for (;;) {
    const { health } = await (await fetch(new URL('/api/snapshot', url))).json()
    if (health.records >= EVENTS && health.lagEvents < 100) return
    await new Promise((resolve) => setTimeout(resolve, 1_000))
  }
}

async function takePictures(url) {
  mkdirSync(IMAGES, { recursive: true })
  const browser = await startBrowser(executable)
  try {
    const pages = await Promise.all(
      PICTURES.map(async ({ width, height, scale, colorScheme }) => {
        const viewport = { width, height }
        const page = await browser.newPage({ viewport, colorScheme, deviceScaleFactor: scale })
        await page.goto(url)
        return page
      }),
    )
    await caughtUp(url)
    await new Promise((resolve) => setTimeout(resolve, LIVE_MS))
    for (const [i, page] of pages.entries()) {
      // Whole and fresh: a busy machine may be behind for a moment.
      await page.waitForFunction(() => !document.querySelector('.old, .broken'))
      const file = path.join(IMAGES, `${PICTURES[i]?.name}.png`)
      await page.screenshot({ path: file })
      const { size } = statSync(file)
      console.log(`${path.relative(ROOT, file)}  ${size} bytes`)
      if (size > BYTES_MAX) throw new Error(`${file} is larger than ${BYTES_MAX} bytes.`)
    }
  } finally {
    await browser.close()
  }
}
