/**
 * Sockets that a service manager made for us and passed by name: what both systems' ways have in common.
 *
 * A socket that launchd or systemd holds outlives the switch: it is restarted, and no VM finds the path gone.
 * Both managers name their sockets, so a port names the one it is for and no number has to be guessed.
 *
 * @module
 */

/**
 * Why there is no such socket. The numbers are Linux's errors and, translated, those of launch_activate_socket:
 * ESRCH, ENOENT, EALREADY and, for what only we call an error, E2BIG.
 */
export const Unpassed = {
  /** No service manager started us, or it passed nothing. */
  NOBODY: -3,
  /** It passed sockets, and none of this name. */
  UNKNOWN: -2,
  /** The socket serves another port already. */
  TAKEN: -114,
  /** Several sockets have this name. */
  SEVERAL: -7,
} as const;
