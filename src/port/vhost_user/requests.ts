/**
 * The requests of a front-end that we know: names, sizes, and what each of them is for us
 * (QEMU's docs/interop/vhost-user.rst, "Front-end message types").
 *
 * @module
 */

/** Request numbers that are answered or acted on. */
export const Request = {
  GET_FEATURES: 1,
  SET_FEATURES: 2,
  SET_OWNER: 3,
  RESET_OWNER: 4,
  SET_MEM_TABLE: 5,
  SET_VRING_NUM: 8,
  SET_VRING_ADDR: 9,
  SET_VRING_BASE: 10,
  GET_VRING_BASE: 11,
  SET_VRING_KICK: 12,
  SET_VRING_CALL: 13,
  SET_VRING_ERR: 14,
  GET_PROTOCOL_FEATURES: 15,
  SET_PROTOCOL_FEATURES: 16,
  GET_QUEUE_NUM: 17,
  SET_VRING_ENABLE: 18,
  NET_SET_MTU: 20,
  RESET_DEVICE: 34,
} as const;

/** What there is to know of a request before its payload is read. */
export interface Kind {
  readonly name: string;
  /** Bytes of its payload; -1 for SET_MEM_TABLE, which says how many regions follow. */
  readonly bytes: number;
  /** It has a reply of its own, so it is never acknowledged. */
  readonly answers?: boolean;
  /** It changes something that running rings depend on. */
  readonly changes?: boolean;
}

const changes = true, answers = true;

/** The requests we know, by number. */
export const kinds: ReadonlyMap<number, Kind> = new Map<number, Kind>([
  [Request.GET_FEATURES, { name: "GET_FEATURES", bytes: 0, answers }],
  [Request.SET_FEATURES, { name: "SET_FEATURES", bytes: 8, changes }],
  [Request.SET_OWNER, { name: "SET_OWNER", bytes: 0 }],
  [Request.RESET_OWNER, { name: "RESET_OWNER", bytes: 0, changes }],
  [Request.SET_MEM_TABLE, { name: "SET_MEM_TABLE", bytes: -1, changes }],
  [Request.SET_VRING_NUM, { name: "SET_VRING_NUM", bytes: 8, changes }],
  [Request.SET_VRING_ADDR, { name: "SET_VRING_ADDR", bytes: 40, changes }],
  [Request.SET_VRING_BASE, { name: "SET_VRING_BASE", bytes: 8, changes }],
  [Request.GET_VRING_BASE, { name: "GET_VRING_BASE", bytes: 8, answers, changes }],
  [Request.SET_VRING_KICK, { name: "SET_VRING_KICK", bytes: 8, changes }],
  [Request.SET_VRING_CALL, { name: "SET_VRING_CALL", bytes: 8, changes }],
  [Request.SET_VRING_ERR, { name: "SET_VRING_ERR", bytes: 8, changes }],
  [Request.GET_PROTOCOL_FEATURES, { name: "GET_PROTOCOL_FEATURES", bytes: 0, answers }],
  [Request.SET_PROTOCOL_FEATURES, { name: "SET_PROTOCOL_FEATURES", bytes: 8 }],
  [Request.GET_QUEUE_NUM, { name: "GET_QUEUE_NUM", bytes: 0, answers }],
  [Request.SET_VRING_ENABLE, { name: "SET_VRING_ENABLE", bytes: 8, changes }],
  [Request.NET_SET_MTU, { name: "NET_SET_MTU", bytes: 8 }],
  [Request.RESET_DEVICE, { name: "RESET_DEVICE", bytes: 0, changes }],
]);

/** Requests that need a feature we do not offer, for the log. */
const NOT_OFFERED = new Map<number, string>([
  [6, "SET_LOG_BASE"],
  [7, "SET_LOG_FD"],
  [19, "SEND_RARP"],
  [21, "SET_BACKEND_REQ_FD"],
  [22, "IOTLB_MSG"],
  [23, "SET_VRING_ENDIAN"],
  [24, "GET_CONFIG"],
  [25, "SET_CONFIG"],
  [28, "POSTCOPY_ADVISE"],
  [29, "POSTCOPY_LISTEN"],
  [30, "POSTCOPY_END"],
  [31, "GET_INFLIGHT_FD"],
  [32, "SET_INFLIGHT_FD"],
  [35, "VRING_KICK"],
  [36, "GET_MAX_MEM_SLOTS"],
  [37, "ADD_MEM_REG"],
  [38, "REM_MEM_REG"],
  [39, "SET_STATUS"],
  [40, "GET_STATUS"],
  [42, "SET_DEVICE_STATE_FD"],
  [43, "CHECK_DEVICE_STATE"],
]);

/** Why a request is refused that is none of ours. */
export function unknownRequest(request: number): string {
  const name = NOT_OFFERED.get(request);
  return name === undefined
    ? `it sent the request ${request}, which we do not know`
    : `it sent ${name}, which was not offered`;
}
