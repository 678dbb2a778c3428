/** Returns a visitor's partition: a hash (FNV-1a) of the key, so a visitor always stays in one. */
export function assignPartition(key: string, partitions: number): number {
  if (partitions === 1) return 0
  let hash = 0x811c9dc5
  for (let i = 0; i < key.length; i++) hash = Math.imul(hash ^ key.charCodeAt(i), 0x01000193)
  return (hash >>> 0) % partitions
}
