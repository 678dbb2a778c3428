/** Superset's REST API, as its administrator uses it. */
import type { AssetKind } from '../../domain/bi/asset-id.ts'
import { ASSET_KINDS } from '../../domain/bi/asset-id.ts'
import type { SupersetApi } from '../../domain/bi/import-assets.ts'
import type { BiObject } from '../../domain/bi/render.ts'
import { parseYaml } from '../../domain/documents/yaml-document.ts'
import { CcsError } from '../../domain/kernel/errors.ts'
import { asObject, asObjects, isObject, type JsonObject } from '../../domain/kernel/json.ts'
import {
  type HttpAnswer,
  type HttpClient,
  HttpFault,
  httpClient,
  type Method,
  type RequestOptions,
} from '../http/http.ts'
import { makeZip, readZip } from '../process/zip.ts'

/** Who logs in, and where. */
export interface SupersetLogin {
  readonly url: string
  readonly user: string
  readonly password: string
}

/** An import writes some dozens of objects and asks the warehouse for its schemas. */
const TIMEOUT_MS = 180_000

const PATHS: Readonly<Record<AssetKind, string>> = {
  databases: '/api/v1/database/',
  datasets: '/api/v1/dataset/',
  charts: '/api/v1/chart/',
  dashboards: '/api/v1/dashboard/',
}

const PAGE = 100

/** Logs in at the first request; CCS_BI_DENIED if Superset does not know the password. */
export function openSuperset(login: SupersetLogin): SupersetApi {
  const http = httpClient({ url: login.url }, { timeoutMs: TIMEOUT_MS })
  let session: Promise<Readonly<Record<string, string>>> | undefined
  const ask = async (method: Method, path: string, options: RequestOptions = {}) => {
    session ??= openSession(http, login)
    return askAs(http, await session, method, path, options)
  }
  return {
    exportAll: async () => {
      const answer = await ask('GET', '/api/v1/assets/export/', { isBinary: true })
      return Buffer.isBuffer(answer.body) ? parseExport(answer.body) : []
    },
    importBundle: async (files) => {
      // JSON is YAML too.
      const texts = files.map(([name, content]) => [`ccs/${name}`, JSON.stringify(content)])
      const zip = makeZip(Object.fromEntries(texts))
      const form = new FormData()
      form.set('bundle', new Blob([new Uint8Array(zip)]), 'ccs.zip')
      await ask('POST', '/api/v1/assets/import/', { body: form })
    },
    remove: async (kind, uuids) => {
      const ids = await listIds(ask, kind)
      for (const uuid of uuids) {
        const id = ids.get(uuid)
        if (id !== undefined) await ask('DELETE', `${PATHS[kind]}${id}`)
      }
    },
  }
}

/** Headers of an administrator's requests: who it is, and that no other page sent them. */
async function openSession(
  http: HttpClient,
  { user, password }: SupersetLogin,
): Promise<Readonly<Record<string, string>>> {
  const body = { username: user, password, provider: 'db', refresh: false }
  const login = await askAs(http, {}, 'POST', '/api/v1/security/login', { body })
  const authorization = `Bearer ${String(asObject(login.body).access_token)}`
  const csrf = await askAs(http, { authorization }, 'GET', '/api/v1/security/csrf_token/')
  return {
    authorization,
    'x-csrftoken': String(asObject(csrf.body).result),
    cookie: (csrf.cookies ?? []).join('; '),
    referer: http.url,
  }
}

async function askAs(
  http: HttpClient,
  headers: Readonly<Record<string, string>>,
  method: Method,
  path: string,
  options: RequestOptions = {},
): Promise<HttpAnswer> {
  try {
    const answer = await http.request(method, path, { ...options, headers })
    if (answer.status < 300) return answer
    throw refusedError(method, path, answer)
  } catch (error) {
    if (!(error instanceof HttpFault)) throw error
    throw new CcsError(
      'CCS_BI_FAILED',
      `Superset at ${error.url} does not answer: ${error.message}.`,
      {
        hint: 'ccs bi status',
      },
    )
  }
}

function refusedError(method: Method, path: string, { status, body }: HttpAnswer): CcsError {
  if (status === 401)
    return new CcsError('CCS_BI_DENIED', 'Superset refuses the administrator’s password.', {
      hint: 'Write the one in use into .ccs/superset/admin-password, then run the command again.',
    })
  const said = describeFault(Buffer.isBuffer(body) ? body.toString('utf8') : body)
  return new CcsError('CCS_BI_FAILED', `Superset refused ${method} ${path} (${status}): ${said}`, {
    hint: 'Its log says more: ccs bi status names it.',
  })
}

/** The sentences of Superset's error documents. */
function describeFault(body: unknown): string {
  const { errors, message } = asObject(body)
  const texts = asObjects(errors).map((one) => {
    const { issue_codes: _, ...extra } = asObject(one.extra)
    return `${String(one.message)} ${JSON.stringify(extra)}`
  })
  if (texts.length > 0) return texts.join('; ')
  if (typeof message === 'string') return message
  return typeof body === 'string' ? body.slice(0, 200) : JSON.stringify(body)
}

type Ask = (method: Method, path: string) => Promise<HttpAnswer>

/** Numbers of all objects of a kind, by uuid. */
async function listIds(ask: Ask, kind: AssetKind): Promise<ReadonlyMap<string, number>> {
  const ids = new Map<string, number>()
  for (let page = 0; ; page++) {
    const q = `(columns:!(id,uuid),page:${page},page_size:${PAGE})`
    const { body } = await ask('GET', `${PATHS[kind]}?q=${encodeURIComponent(q)}`)
    const rows = asObjects(asObject(body).result)
    for (const { id, uuid } of rows)
      if (typeof id === 'number' && typeof uuid === 'string') ids.set(uuid, id)
    if (rows.length < PAGE) return ids
  }
}

function parseExport(zip: Buffer): readonly BiObject[] {
  return [...readZip(zip)].flatMap(([file, text]): readonly BiObject[] => {
    const kind = ASSET_KINDS.find((one) => file.split('/')[1] === one)
    if (!kind) return []
    const { value } = parseYaml(text, { file, code: 'CCS_UNEXPECTED' })
    if (!isObject(value)) return []
    return [{ kind, uuid: String(value.uuid), content: value as JsonObject }]
  })
}
