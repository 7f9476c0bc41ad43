/**
 * The whole switch, once more over the Darwin kernel and a fake libSystem.
 *
 * @module
 */
import { onDarwin } from "../support/on_darwin.ts";

await onDarwin(() =>
  Promise.all([
    import("./faults_test.ts"),
    import("./forward_test.ts"),
    import("./limits_test.ts"),
    import("./mixed_test.ts"),
    import("./offload_test.ts"),
    import("./pause_test.ts"),
    import("./random_test.ts"),
    import("./room_test.ts"),
    import("./stop_test.ts"),
    import("./stuck_test.ts"),
  ])
);
