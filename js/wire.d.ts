// Every request and answer of our routes. Made from server_routes/wire.py by `npm run wire`: do not edit.
// In a module: /** @typedef {import("./wire.js").Job} Job */

export type Accepted = components["schemas"]["Accepted"];
export type BroughtBy = components["schemas"]["BroughtBy"];
export type Change = components["schemas"]["Change"];
export type ChangePlan = components["schemas"]["ChangePlan"];
export type Changed = components["schemas"]["Changed"];
export type Decision = components["schemas"]["Decision"];
export type Drifted = components["schemas"]["Drifted"];
export type Failure = components["schemas"]["Failure"];
export type Fault = components["schemas"]["Fault"];
export type FileDifference = components["schemas"]["FileDifference"];
export type Finding = components["schemas"]["Finding"];
export type HintWords = components["schemas"]["HintWords"];
export type InstalledPack = components["schemas"]["InstalledPack"];
export type Job = components["schemas"]["Job"];
export type JobSummary = components["schemas"]["JobSummary"];
export type Jobs = components["schemas"]["Jobs"];
export type JsonValue = components["schemas"]["JsonValue"];
export type LibraryLine = components["schemas"]["LibraryLine"];
export type LineOutcome = components["schemas"]["LineOutcome"];
export type ManagerSnapshotAccepted = components["schemas"]["ManagerSnapshotAccepted"];
export type ManagerSnapshotRequest = components["schemas"]["ManagerSnapshotRequest"];
export type Mending = components["schemas"]["Mending"];
export type Missing = components["schemas"]["Missing"];
export type MissingCandidate = components["schemas"]["MissingCandidate"];
export type MissingChoice = components["schemas"]["MissingChoice"];
export type MissingPack = components["schemas"]["MissingPack"];
export type MissingType = components["schemas"]["MissingType"];
export type NewSnapshot = components["schemas"]["NewSnapshot"];
export type Nothing = components["schemas"]["Nothing"];
export type OpenApi = components["schemas"]["OpenApi"];
export type PackChange = components["schemas"]["PackChange"];
export type PackDifference = components["schemas"]["PackDifference"];
export type PackFailure = components["schemas"]["PackFailure"];
export type PackStatus = components["schemas"]["PackStatus"];
export type Packs = components["schemas"]["Packs"];
export type Pagination = components["schemas"]["Pagination"];
export type Plan = components["schemas"]["Plan"];
export type Progress = components["schemas"]["Progress"];
export type QueueHistory = components["schemas"]["QueueHistory"];
export type QueueStatus = components["schemas"]["QueueStatus"];
export type QueueTaskItem = components["schemas"]["QueueTaskItem"];
export type RegistryJudgement = components["schemas"]["RegistryJudgement"];
export type RegistryPack = components["schemas"]["RegistryPack"];
export type RegistryPackDetail = components["schemas"]["RegistryPackDetail"];
export type RegistryPacks = components["schemas"]["RegistryPacks"];
export type RegistrySupport = components["schemas"]["RegistrySupport"];
export type RegistryVersion = components["schemas"]["RegistryVersion"];
export type Removed = components["schemas"]["Removed"];
export type RepairPlan = components["schemas"]["RepairPlan"];
export type RestartRequest = components["schemas"]["RestartRequest"];
export type Restarting = components["schemas"]["Restarting"];
export type Restoration = components["schemas"]["Restoration"];
export type RestoreRequest = components["schemas"]["RestoreRequest"];
export type RollbackPlan = components["schemas"]["RollbackPlan"];
export type RuleWords = components["schemas"]["RuleWords"];
export type Snapshot = components["schemas"]["Snapshot"];
export type SnapshotChange = components["schemas"]["SnapshotChange"];
export type SnapshotDiff = components["schemas"]["SnapshotDiff"];
export type SnapshotDistribution = components["schemas"]["SnapshotDistribution"];
export type SnapshotDocument = components["schemas"]["SnapshotDocument"];
export type SnapshotPack = components["schemas"]["SnapshotPack"];
export type SnapshotSummary = components["schemas"]["SnapshotSummary"];
export type Snapshots = components["schemas"]["Snapshots"];
export type Stage = components["schemas"]["Stage"];
export type StartSeen = components["schemas"]["StartSeen"];
export type Starts = components["schemas"]["Starts"];
export type Status = components["schemas"]["Status"];
export type TakenBack = components["schemas"]["TakenBack"];
export type TaskHistoryItem = components["schemas"]["TaskHistoryItem"];
export type TaskRequest = components["schemas"]["TaskRequest"];
export type TaskStatus = components["schemas"]["TaskStatus"];
export type Token = components["schemas"]["Token"];
export type Transaction = components["schemas"]["Transaction"];
export type Transactions = components["schemas"]["Transactions"];
export type Upload = components["schemas"]["Upload"];
export type WaitingChange = components["schemas"]["WaitingChange"];
export type WantedPackage = components["schemas"]["WantedPackage"];
export type Why = components["schemas"]["Why"];
export type Wish = components["schemas"]["Wish"];
export type WishNow = components["schemas"]["WishNow"];
export type WishStanding = components["schemas"]["WishStanding"];
export type Wishes = components["schemas"]["Wishes"];
export type WorkElsewhere = components["schemas"]["WorkElsewhere"];
export type WorkflowRequest = components["schemas"]["WorkflowRequest"];

/** What each route answers where nothing is wrong; a Failure where something is. */
export interface Answers {
    "GET /token": Token;
    "GET /status": Status;
    "GET /openapi.json": OpenApi;
    "GET /packs": Packs;
    "GET /wishes": Wishes;
    "GET /why/{package}": Why;
    "POST /plan": Accepted;
    "GET /plan/{id}": Plan;
    "POST /tasks": Accepted;
    "GET /jobs": Jobs;
    "GET /jobs/{id}": Job;
    "POST /jobs/{id}/cancel": Job;
    "POST /waiting/{id}/cancel": Status;
    "POST /uploads": Upload;
    "GET /transactions": Transactions;
    "GET /transactions/{id}": Transaction;
    "GET /snapshots": Snapshots;
    "POST /snapshots": Accepted;
    "GET /snapshots/{id}": Snapshot;
    "PATCH /snapshots/{id}": Snapshot;
    "DELETE /snapshots/{id}": Removed;
    "GET /snapshots/{id}/export": SnapshotDocument;
    "GET /snapshots/{id}/diff/{other}": SnapshotDiff;
    "POST /snapshots/{id}/restore": Accepted;
    "POST /workflow/missing": Missing;
    "GET /registry/search": RegistryPacks;
    "GET /registry/packs/{id}": RegistryPackDetail;
    "GET /manager/queue/status": QueueStatus;
    "GET /manager/queue/history": QueueHistory;
    "POST /manager/snapshot": ManagerSnapshotAccepted;
    "POST /restart": Restarting;
}

/** What each route that changes something is sent. */
export interface Bodies {
    "POST /plan": TaskRequest;
    "POST /tasks": TaskRequest;
    "POST /jobs/{id}/cancel": Nothing;
    "POST /waiting/{id}/cancel": Nothing;
    "POST /uploads": unknown;
    "POST /snapshots": NewSnapshot;
    "PATCH /snapshots/{id}": SnapshotChange;
    "DELETE /snapshots/{id}": Nothing;
    "POST /snapshots/{id}/restore": RestoreRequest;
    "POST /workflow/missing": WorkflowRequest;
    "POST /manager/snapshot": ManagerSnapshotRequest;
    "POST /restart": RestartRequest;
}

export interface components {
    schemas: {
        /**
         * Accepted
         * @description What was asked for is in the queue.
         */
        Accepted: {
            /** Id */
            id: string;
            job: components["schemas"]["Job"];
        };
        /**
         * BroughtBy
         * @description The last change that added or replaced a pack.
         */
        BroughtBy: {
            /** Transaction */
            transaction: string;
            /** Operation */
            operation: string;
            /** At */
            at: string;
            /** Snapshot */
            snapshot: string;
        };
        /**
         * Change
         * @description One distribution that changes.
         */
        Change: {
            /** Name */
            name: string;
            /** Action */
            action: string;
            /**
             * From
             * @default
             */
            from: string;
            /**
             * To
             * @default
             */
            to: string;
            /**
             * Wanted By
             * @default []
             */
            wanted_by: string[];
        };
        /**
         * ChangePlan
         * @description What an install, an uninstall or a sync changes (`plan --json` of the command line).
         */
        ChangePlan: {
            /** Ok */
            ok: boolean;
            /** Fingerprint */
            fingerprint: string;
            /** Policy */
            policy: string;
            /**
             * Prefer
             * @default {}
             */
            prefer: {
                [key: string]: string;
            };
            /** Lock */
            lock: {
                [key: string]: string;
            };
            /** Changes */
            changes: components["schemas"]["Change"][];
            /** Pack Changes */
            pack_changes: components["schemas"]["PackChange"][];
            /** Decisions */
            decisions: components["schemas"]["Decision"][];
            /** Findings */
            findings: components["schemas"]["Finding"][];
            /** Refusals */
            refusals: components["schemas"]["Finding"][];
            /** Packs */
            packs: components["schemas"]["PackStatus"][];
            /** Lines */
            lines: components["schemas"]["LineOutcome"][];
            /** Library Lines Broken */
            library_lines_broken: components["schemas"]["LibraryLine"][];
            /**
             * Restart
             * @enum {string}
             */
            restart: "none" | "reload" | "restart";
            /** Download Bytes */
            download_bytes: number;
        };
        /**
         * Changed
         * @description The event `safe_install.changed`: to be read anew. It goes to every page.
         */
        Changed: {
            /**
             * What
             * @enum {string}
             */
            what: "snapshots" | "waiting";
        };
        /**
         * Decision
         * @description A conflict settled on the user's behalf.
         */
        Decision: {
            /** Package */
            package: string;
            /** Rule */
            rule: string;
            /** Chosen */
            chosen: string;
            /**
             * Wanted
             * @default []
             */
            wanted: components["schemas"]["Wish"][];
            /**
             * Violates
             * @default []
             */
            violates: components["schemas"]["Wish"][];
            /**
             * Reason
             * @default
             */
            reason: string;
            /**
             * Alternatives
             * @default []
             */
            alternatives: string[];
            /**
             * Follows
             * @default {}
             */
            follows: {
                [key: string]: string;
            };
        };
        /**
         * Drifted
         * @description What others changed since we last looked.
         */
        Drifted: {
            /** Since */
            since: string;
            /** Reason */
            reason: string;
            /** Items */
            items: {
                [key: string]: components["schemas"]["JsonValue"];
            }[];
            /** Snapshot */
            snapshot: string;
            /** Left */
            left: string;
            /** New */
            new: boolean;
            /** Hints */
            hints: components["schemas"]["HintWords"][];
        };
        /**
         * Failure
         * @description The answer to a request that failed.
         */
        Failure: {
            error: components["schemas"]["Fault"];
            /** Status */
            status: number;
        };
        /**
         * Fault
         * @description What went wrong.
         */
        Fault: {
            /** Code */
            code: string;
            /** Message */
            message: string;
            /**
             * Context
             * @default {}
             */
            context: {
                [key: string]: string;
            };
            /**
             * Hints
             * @default []
             */
            hints: components["schemas"]["HintWords"][];
        };
        /**
         * FileDifference
         * @description One file nobody owns that differs.
         */
        FileDifference: {
            /** Path */
            path: string;
            /** Action */
            action: string;
        };
        /**
         * Finding
         * @description Something the user should know, that did not stop the work.
         */
        Finding: {
            /** Code */
            code: string;
            /**
             * Pack
             * @default
             */
            pack: string;
            /**
             * File
             * @default
             */
            file: string;
            /**
             * Line
             * @default 0
             */
            line: number;
            /** Message */
            message: string;
            /**
             * Hints
             * @default []
             */
            hints: components["schemas"]["HintWords"][];
        };
        /**
         * HintWords
         * @description One thing the user can do.
         */
        HintWords: {
            /** Code */
            code: string;
            /** Text */
            text: string;
        };
        /**
         * InstalledPack
         * @description One custom node package.
         */
        InstalledPack: {
            /** Name */
            name: string;
            /** Path */
            path: string;
            /** Is File */
            is_file: boolean;
            /** Disabled */
            disabled: boolean;
            /** Version */
            version: string;
            /** Remote */
            remote: string;
            /** Commit */
            commit: string;
            /** Dirty */
            dirty: boolean | null;
            /** Loaded */
            loaded: boolean;
            /**
             * State
             * @enum {string}
             */
            state: "loaded" | "failed" | "not-loaded" | "disabled";
            failure: components["schemas"]["PackFailure"] | null;
            brought_by: components["schemas"]["BroughtBy"] | null;
            /** Node Types */
            node_types: string[];
        };
        /**
         * Job
         * @description One piece of work, from being asked for to its end.
         */
        Job: {
            /** Id */
            id: string;
            /** Kind */
            kind: string;
            /**
             * State
             * @enum {string}
             */
            state: "queued" | "running" | "cancelling" | "done" | "failed" | "refused" | "cancelled" | "interrupted";
            /** @default null */
            stage: components["schemas"]["Stage"] | null;
            /** @default null */
            progress: components["schemas"]["Progress"] | null;
            /**
             * Ui Ids
             * @default []
             */
            ui_ids: string[];
            /**
             * Client Id
             * @default
             */
            client_id: string;
            /**
             * Operation
             * @default
             */
            operation: string;
            /** Cancellable */
            cancellable: boolean;
            /** Created */
            created: string;
            /**
             * Started
             * @default
             */
            started: string;
            /**
             * Ended
             * @default
             */
            ended: string;
            /**
             * Log
             * @default []
             */
            log: string[];
            /**
             * Plan Id
             * @default null
             */
            plan_id: string | null;
            /**
             * Transaction Id
             * @default null
             */
            transaction_id: string | null;
            /**
             * Restart
             * @default null
             */
            restart: ("none" | "reload" | "restart") | null;
            /**
             * Result
             * @default null
             */
            result: {
                [key: string]: components["schemas"]["JsonValue"];
            } | null;
            /** @default null */
            error: components["schemas"]["Fault"] | null;
            /** @default null */
            status: components["schemas"]["TaskStatus"] | null;
        };
        /**
         * JobSummary
         * @description A job as every page hears of it.
         */
        JobSummary: {
            /** Id */
            id: string;
            /** Kind */
            kind: string;
            /**
             * State
             * @enum {string}
             */
            state: "queued" | "running" | "cancelling" | "done" | "failed" | "refused" | "cancelled" | "interrupted";
            /** @default null */
            stage: components["schemas"]["Stage"] | null;
            /** @default null */
            progress: components["schemas"]["Progress"] | null;
        };
        /**
         * Jobs
         * @description Jobs, newest first.
         */
        Jobs: {
            /** Jobs */
            jobs: components["schemas"]["Job"][];
            pagination: components["schemas"]["Pagination"];
        };
        JsonValue: unknown;
        /**
         * LibraryLine
         * @description A requirement of a distribution that does not hold after the plan.
         */
        LibraryLine: {
            /** Package */
            package: string;
            /** Pack */
            pack: string;
            /** Requirement */
            requirement: string;
            /** Already */
            already: boolean;
        };
        /**
         * LineOutcome
         * @description How one line of a pack's files ended.
         */
        LineOutcome: {
            /** Pack */
            pack: string;
            /** File */
            file: string;
            /** Line */
            line: number;
            /** Text */
            text: string;
            /** Outcome */
            outcome: string;
            /** Detail */
            detail: string;
        };
        /**
         * ManagerSnapshotAccepted
         * @description What it asks for is in the queue, as far as it can be.
         */
        ManagerSnapshotAccepted: {
            /** Id */
            id: string;
            job: components["schemas"]["Job"] | null;
            /** Left Out */
            left_out: string[];
        };
        /**
         * ManagerSnapshotRequest
         * @description Going back to what a snapshot of Manager names.
         */
        ManagerSnapshotRequest: {
            /** Snapshot */
            snapshot: {
                [key: string]: components["schemas"]["JsonValue"];
            };
            /**
             * Plan
             * @default false
             */
            plan?: boolean;
            /**
             * Allow
             * @default []
             */
            allow?: ("builds" | "indexes" | "urls" | "install-py" | "flagged")[];
            /**
             * Agree
             * @default
             */
            agree?: string;
            /**
             * At Next Start
             * @default false
             */
            at_next_start?: boolean;
            /**
             * Client Id
             * @default
             */
            client_id?: string;
            /**
             * Ui Id
             * @default
             */
            ui_id?: string;
        };
        /**
         * Mending
         * @description How one broken distribution becomes whole.
         */
        Mending: {
            /** Name */
            name: string;
            /** From */
            from: string[];
            /** To */
            to: string;
            /** Faults */
            faults: string[];
            /** Why */
            why: string;
            /** How */
            how: string;
        };
        /**
         * Missing
         * @description What a workflow needs and is not here.
         */
        Missing: {
            /** Exact */
            exact: boolean;
            /** Types */
            types: components["schemas"]["MissingType"][];
            /** Packs */
            packs: components["schemas"]["MissingPack"][];
            /** Choices */
            choices: components["schemas"]["MissingChoice"][];
            /** Findings */
            findings: components["schemas"]["Finding"][];
            /** Tasks */
            tasks: components["schemas"]["QueueTaskItem"][];
        };
        /**
         * MissingCandidate
         * @description A pack that brings a node type.
         */
        MissingCandidate: {
            /**
             * Kind
             * @enum {string}
             */
            kind: "registry" | "git" | "installed" | "file" | "core";
            /** Subject */
            subject: string;
            /** Name */
            name: string;
            /** Why */
            why: string[];
            /**
             * Version
             * @default
             */
            version: string;
            /**
             * Repository
             * @default
             */
            repository: string;
            /**
             * Installed
             * @default
             */
            installed: string;
            /** Action */
            action: string;
        };
        /**
         * MissingChoice
         * @description Node types that the same packs bring or may bring; the user says which it is to be, by `choose`.
         */
        MissingChoice: {
            /** Types */
            types: string[];
            /** Options */
            options: components["schemas"]["MissingCandidate"][];
        };
        /**
         * MissingPack
         * @description A pack with which something is to be done.
         */
        MissingPack: {
            /**
             * Kind
             * @enum {string}
             */
            kind: "registry" | "git" | "installed" | "file" | "core";
            /** Subject */
            subject: string;
            /** Name */
            name: string;
            /** Why */
            why: string[];
            /**
             * Version
             * @default
             */
            version: string;
            /**
             * Repository
             * @default
             */
            repository: string;
            /**
             * Installed
             * @default
             */
            installed: string;
            /** Action */
            action: string;
            /** Types */
            types: string[];
        };
        /**
         * MissingType
         * @description One node type of the workflow.
         */
        MissingType: {
            /** Name */
            name: string;
            /** Count */
            count: number;
            /** State */
            state: string;
            /** Missing */
            missing: boolean;
            /**
             * Candidates
             * @default []
             */
            candidates: components["schemas"]["MissingCandidate"][];
        };
        /**
         * NewSnapshot
         * @description A snapshot to be taken by hand.
         */
        NewSnapshot: {
            /**
             * Label
             * @default
             */
            label?: string;
            /**
             * Full
             * @default null
             */
            full?: boolean | null;
            /**
             * Client Id
             * @default
             */
            client_id?: string;
            /**
             * Ui Id
             * @default
             */
            ui_id?: string;
        };
        /**
         * Nothing
         * @description An empty object.
         */
        Nothing: Record<string, never>;
        /**
         * OpenApi
         * @description The OpenAPI document itself.
         */
        OpenApi: {
            /** Openapi */
            openapi: string;
        } & {
            [key: string]: unknown;
        };
        /**
         * PackChange
         * @description One pack that comes, goes, is replaced, enabled or disabled.
         */
        PackChange: {
            /** Name */
            name: string;
            /** Action */
            action: string;
            /**
             * From
             * @default
             */
            from: string;
            /**
             * To
             * @default
             */
            to: string;
            /**
             * Sha256
             * @default
             */
            sha256: string;
        };
        /**
         * PackDifference
         * @description One pack that differs.
         */
        PackDifference: {
            /** Name */
            name: string;
            /** Action */
            action: string;
            /**
             * From
             * @default
             */
            from: string;
            /**
             * To
             * @default
             */
            to: string;
        };
        /**
         * PackFailure
         * @description Why a pack did not load.
         */
        PackFailure: {
            /** Message */
            message: string;
            /** Log */
            log: string[];
        };
        /**
         * PackStatus
         * @description How a pack came through the solve.
         */
        PackStatus: {
            /** Name */
            name: string;
            /** Status */
            status: string;
            /** Reason */
            reason: string;
        };
        /**
         * Packs
         * @description What is installed.
         */
        Packs: {
            /** Packs */
            packs: components["schemas"]["InstalledPack"][];
        };
        /**
         * Pagination
         * @description Which part of how much this is.
         */
        Pagination: {
            /** Total */
            total: number;
            /** Limit */
            limit: number;
            /** Offset */
            offset: number;
            /** Has More */
            has_more: boolean;
        };
        /**
         * Plan
         * @description A plan that was made; one of its three parts is there.
         */
        Plan: {
            /** Id */
            id: string;
            /** Kind */
            kind: string;
            /** Made */
            made: string;
            /** Operation */
            operation: string;
            /** Fingerprint */
            fingerprint: string;
            /** Empty */
            empty: boolean;
            /** Needs Consent */
            needs_consent: string[];
            /** Refused */
            refused: boolean;
            /**
             * Restart
             * @enum {string}
             */
            restart: "none" | "reload" | "restart";
            /**
             * Restart Reasons
             * @default []
             */
            restart_reasons: string[];
            /** Download Bytes */
            download_bytes: number;
            /** @default null */
            change: components["schemas"]["ChangePlan"] | null;
            /** @default null */
            rollback: components["schemas"]["RollbackPlan"] | null;
            /** @default null */
            repair: components["schemas"]["RepairPlan"] | null;
        };
        /**
         * Progress
         * @description How far the stage is.
         */
        Progress: {
            /** Done */
            done: number;
            /** Total */
            total: number;
            /** Unit */
            unit: string;
            /**
             * Under Way
             * @default 0
             */
            under_way: number;
        };
        /**
         * QueueHistory
         * @description How tasks ended, by their `ui_id`, newest first.
         */
        QueueHistory: {
            /** History */
            history: {
                [key: string]: components["schemas"]["TaskHistoryItem"];
            };
        };
        /**
         * QueueStatus
         * @description How much there is to do, as Manager says it (4.3, `QueueStatus`).
         */
        QueueStatus: {
            /** Total Count */
            total_count: number;
            /** Done Count */
            done_count: number;
            /** In Progress Count */
            in_progress_count: number;
            /** Pending Count */
            pending_count: number;
            /** Is Processing */
            is_processing: boolean;
            /**
             * Client Id
             * @default null
             */
            client_id: string | null;
        };
        /**
         * QueueTaskItem
         * @description One task, as ComfyUI-Manager's queue takes it.
         */
        QueueTaskItem: {
            /** Ui Id */
            ui_id: string;
            /** Client Id */
            client_id: string;
            /** Kind */
            kind: string;
            /** Params */
            params: {
                [key: string]: components["schemas"]["JsonValue"];
            };
        };
        /**
         * RegistryJudgement
         * @description What is to be told before installing, and what forbids it.
         */
        RegistryJudgement: {
            /** Findings */
            findings: components["schemas"]["Finding"][];
            /** Refusals */
            refusals: components["schemas"]["Finding"][];
        };
        /**
         * RegistryPack
         * @description One pack of the Registry.
         */
        RegistryPack: {
            /** Id */
            id: string;
            /** Name */
            name: string;
            /** Description */
            description: string;
            /** Author */
            author: string;
            /** Publisher */
            publisher: string;
            /** Repository */
            repository: string;
            /** License */
            license: string;
            /** Icon */
            icon: string;
            /** Category */
            category: string;
            /** Tags */
            tags: string[];
            /** Downloads */
            downloads: number;
            /** Github Stars */
            github_stars: number;
            /** Created */
            created: string;
            /** Status */
            status: string;
            /** Unclaimed */
            unclaimed: boolean;
            /** Latest */
            latest: string;
            /** Installed */
            installed: string;
        };
        /**
         * RegistryPackDetail
         * @description One pack of the Registry with its versions.
         */
        RegistryPackDetail: {
            /** Id */
            id: string;
            /** Name */
            name: string;
            /** Description */
            description: string;
            /** Author */
            author: string;
            /** Publisher */
            publisher: string;
            /** Repository */
            repository: string;
            /** License */
            license: string;
            /** Icon */
            icon: string;
            /** Category */
            category: string;
            /** Tags */
            tags: string[];
            /** Downloads */
            downloads: number;
            /** Github Stars */
            github_stars: number;
            /** Created */
            created: string;
            /** Status */
            status: string;
            /** Unclaimed */
            unclaimed: boolean;
            /** Latest */
            latest: string;
            /** Installed */
            installed: string;
            /** Status Detail */
            status_detail: string;
            support: components["schemas"]["RegistrySupport"];
            /** Versions */
            versions: components["schemas"]["RegistryVersion"][];
            nightly: components["schemas"]["RegistryJudgement"];
            /** Age */
            age: number;
            /** Findings */
            findings: components["schemas"]["Finding"][];
        };
        /**
         * RegistryPacks
         * @description One page of packs.
         */
        RegistryPacks: {
            /** Packs */
            packs: components["schemas"]["RegistryPack"][];
            /** Total */
            total: number;
            /** Page */
            page: number;
            /** Pages */
            pages: number;
            /** Limit */
            limit: number;
            /** Age */
            age: number;
            /** Findings */
            findings: components["schemas"]["Finding"][];
        };
        /**
         * RegistrySupport
         * @description Where something runs by its author's account; empty where it is not said.
         */
        RegistrySupport: {
            /** Systems */
            systems: string[];
            /** Accelerators */
            accelerators: string[];
            /** Comfyui */
            comfyui: string;
            /** Frontend */
            frontend: string;
        };
        /**
         * RegistryVersion
         * @description One published version, judged for this ComfyUI.
         */
        RegistryVersion: {
            /** Findings */
            findings: components["schemas"]["Finding"][];
            /** Refusals */
            refusals: components["schemas"]["Finding"][];
            /** Version */
            version: string;
            /** Status */
            status: string;
            /** Status Reason */
            status_reason: string;
            /** Created */
            created: string;
            /** Changelog */
            changelog: string;
            /** Deprecated */
            deprecated: boolean;
            /** Dependencies */
            dependencies: string[];
            support: components["schemas"]["RegistrySupport"];
        };
        /**
         * Removed
         * @description What went.
         */
        Removed: {
            /** Id */
            id: string;
            /** Freed Bytes */
            freed_bytes: number;
            /** Findings */
            findings: components["schemas"]["Finding"][];
        };
        /**
         * RepairPlan
         * @description What is broken, and how it becomes whole.
         */
        RepairPlan: {
            /** Ok */
            ok: boolean;
            /** Fingerprint */
            fingerprint: string;
            /** Items */
            items: components["schemas"]["Mending"][];
            /** Findings */
            findings: components["schemas"]["Finding"][];
            /**
             * Restart
             * @enum {string}
             */
            restart: "none" | "reload" | "restart";
        };
        /**
         * RestartRequest
         * @description Restarting ComfyUI.
         */
        RestartRequest: {
            /**
             * Force
             * @default false
             */
            force?: boolean;
            /**
             * Client Id
             * @default
             */
            client_id?: string;
        };
        /**
         * Restarting
         * @description The restart has been set going.
         */
        Restarting: {
            /** How */
            how: string;
        };
        /**
         * Restoration
         * @description How one distribution, pack or file comes back.
         */
        Restoration: {
            /** Kind */
            kind: string;
            /** Name */
            name: string;
            /** How */
            how: string;
            /**
             * From
             * @default
             */
            from: string;
            /**
             * To
             * @default
             */
            to: string;
            /**
             * Reason
             * @default
             */
            reason: string;
        };
        /**
         * RestoreRequest
         * @description Going back to the snapshot in the path.
         */
        RestoreRequest: {
            /**
             * Agree
             * @default
             */
            agree?: string;
            /**
             * Plan
             * @default false
             */
            plan?: boolean;
            /**
             * At Next Start
             * @default false
             */
            at_next_start?: boolean;
            /**
             * Client Id
             * @default
             */
            client_id?: string;
            /**
             * Ui Id
             * @default
             */
            ui_id?: string;
        };
        /**
         * RollbackPlan
         * @description What going back to a snapshot takes.
         */
        RollbackPlan: {
            /** Ok */
            ok: boolean;
            /** Fingerprint */
            fingerprint: string;
            /** Snapshot */
            snapshot: string;
            /** Created */
            created: string;
            /** Reason */
            reason: string;
            /** Label */
            label: string;
            /** Exact */
            exact: boolean;
            /** Full */
            full: boolean;
            /** Kept */
            kept: number;
            /** Items */
            items: components["schemas"]["Restoration"][];
            /** Findings */
            findings: components["schemas"]["Finding"][];
            /**
             * Restart
             * @enum {string}
             */
            restart: "none" | "reload" | "restart";
        };
        /**
         * RuleWords
         * @description A rule that speaks of a package.
         */
        RuleWords: {
            /** Code */
            code: string;
            /** Says */
            says: string;
        };
        /**
         * Snapshot
         * @description A snapshot with everything in it.
         */
        Snapshot: {
            /** Id */
            id: string;
            /** Created */
            created: string;
            /** Reason */
            reason: string;
            /** Label */
            label: string;
            /** Pinned */
            pinned: boolean;
            /** Python */
            python: string;
            /** Comfyui Version */
            comfyui_version: string;
            /** Distributions */
            distributions: number;
            /** Packs */
            packs: number;
            /**
             * Own Bytes
             * @default 0
             */
            own_bytes: number;
            /**
             * Full
             * @default false
             */
            full: boolean;
            /**
             * Transaction
             * @default
             */
            transaction: string;
            /** Platform */
            platform: string;
            /** Prefix */
            prefix: string;
            /** Comfyui Commit */
            comfyui_commit: string;
            /** Distribution List */
            distribution_list: components["schemas"]["SnapshotDistribution"][];
            /** Pack List */
            pack_list: components["schemas"]["SnapshotPack"][];
            /** Decisions */
            decisions: components["schemas"]["Decision"][];
            /** Freeze */
            freeze: string;
        };
        /**
         * SnapshotChange
         * @description What is to be different about a snapshot; what is left out stays.
         */
        SnapshotChange: {
            /**
             * Label
             * @default null
             */
            label?: string | null;
            /**
             * Pinned
             * @default null
             */
            pinned?: boolean | null;
        };
        /**
         * SnapshotDiff
         * @description What leads from one snapshot to another.
         */
        SnapshotDiff: {
            /** A */
            a: string;
            /** B */
            b: string;
            /** Empty */
            empty: boolean;
            /** Changes */
            changes: components["schemas"]["Change"][];
            /** Packs */
            packs: components["schemas"]["PackDifference"][];
            /** Unowned */
            unowned: components["schemas"]["FileDifference"][];
            /** Python */
            python: string[] | null;
            /** Comfyui */
            comfyui: string[] | null;
        };
        /**
         * SnapshotDistribution
         * @description One distribution as it was.
         */
        SnapshotDistribution: {
            /** Name */
            name: string;
            /** Version */
            version: string;
            /** Origin */
            origin: string;
            /** Editable */
            editable: boolean;
        };
        /**
         * SnapshotDocument
         * @description A snapshot as a file to share, which `safe-install snapshot import` takes.
         */
        SnapshotDocument: {
            /** Format */
            format: number;
            /** Id */
            id: string;
        } & {
            [key: string]: unknown;
        };
        /**
         * SnapshotPack
         * @description One pack as it was.
         */
        SnapshotPack: {
            /** Name */
            name: string;
            /** Version */
            version: string;
            /** Commit */
            commit: string;
            /** Dirty */
            dirty: boolean | null;
            /** Disabled */
            disabled: boolean;
            /** Digest */
            digest: string;
            /**
             * Source
             * @default
             */
            source: string;
        };
        /**
         * SnapshotSummary
         * @description A snapshot in a list.
         */
        SnapshotSummary: {
            /** Id */
            id: string;
            /** Created */
            created: string;
            /** Reason */
            reason: string;
            /** Label */
            label: string;
            /** Pinned */
            pinned: boolean;
            /** Python */
            python: string;
            /** Comfyui Version */
            comfyui_version: string;
            /** Distributions */
            distributions: number;
            /** Packs */
            packs: number;
            /**
             * Own Bytes
             * @default 0
             */
            own_bytes: number;
            /**
             * Full
             * @default false
             */
            full: boolean;
            /**
             * Transaction
             * @default
             */
            transaction: string;
        };
        /**
         * Snapshots
         * @description Snapshots, newest first.
         */
        Snapshots: {
            /** Snapshots */
            snapshots: components["schemas"]["SnapshotSummary"][];
            /** Findings */
            findings: components["schemas"]["Finding"][];
            pagination: components["schemas"]["Pagination"];
        };
        /**
         * Stage
         * @description What a job is at.
         */
        Stage: {
            /** Name */
            name: string;
            /** Text */
            text: string;
        };
        /**
         * StartSeen
         * @description One start of ComfyUI, and what became of it.
         */
        StartSeen: {
            /** Id */
            id: string;
            /** Began */
            began: string;
            /** Pid */
            pid: number;
            /** Transaction */
            transaction: string;
            /** Outcome */
            outcome: string;
            /** At */
            at: string;
            /** Note */
            note: string;
        };
        /**
         * Starts
         * @description What became of the last starts.
         */
        Starts: {
            /** Starts */
            starts: components["schemas"]["StartSeen"][];
            /** Healings */
            healings: components["schemas"]["TakenBack"][];
            notice: components["schemas"]["Finding"] | null;
        };
        /**
         * Status
         * @description How things stand, for a page that has just connected.
         */
        Status: {
            /** Version */
            version: string;
            /** Comfyui */
            comfyui: string;
            /** Python */
            python: string;
            /** State */
            state: string;
            /** Custom Nodes */
            custom_nodes: string[];
            /** Busy */
            busy: boolean;
            /** Jobs */
            jobs: components["schemas"]["JobSummary"][];
            /** Tasks Remaining */
            tasks_remaining: number;
            /**
             * Restart
             * @enum {string}
             */
            restart: "none" | "reload" | "restart";
            /** Unfinished */
            unfinished: string[];
            /** Waiting */
            waiting: components["schemas"]["WaitingChange"][];
            starts: components["schemas"]["Starts"] | null;
            /** @default null */
            drift: components["schemas"]["Drifted"] | null;
            /** @default null */
            owner: components["schemas"]["WorkElsewhere"] | null;
            /**
             * Permits
             * @default {}
             */
            permits: {
                [key: string]: string;
            };
            /**
             * Registry Offline
             * @default false
             */
            registry_offline: boolean;
            /** Trouble */
            trouble: components["schemas"]["Fault"][];
        };
        /**
         * TakenBack
         * @description A change after which starts died, and what was done about it without asking.
         */
        TakenBack: {
            /** Transaction */
            transaction: string;
            /** Operation */
            operation: string;
            /** Deaths */
            deaths: string[];
            /** Outcome */
            outcome: string;
            /** Tries */
            tries: number;
            /** At */
            at: string;
            /** By */
            by: string;
            /** Code */
            code: string;
            /** Message */
            message: string;
            /** How */
            how: string;
        };
        /**
         * TaskHistoryItem
         * @description How a task ended, as Manager says it (4.3, `TaskHistoryItem`).
         */
        TaskHistoryItem: {
            /** Ui Id */
            ui_id: string;
            /** Client Id */
            client_id: string;
            /** Kind */
            kind: string;
            /** Timestamp */
            timestamp: string;
            /** Result */
            result: string;
            /** @default null */
            status: components["schemas"]["TaskStatus"] | null;
            /** Batch Id */
            batch_id: string;
            /**
             * End Time
             * @default null
             */
            end_time: string | null;
        };
        /**
         * TaskRequest
         * @description One task, or several that are one transaction, or the rows of Manager's legacy batch.
         *
         *     Exactly one of the three: `kind` with `params`; `tasks`; or lists of rows by kind.
         */
        TaskRequest: {
            /**
             * Ui Id
             * @default null
             */
            ui_id?: string | null;
            /**
             * Client Id
             * @default null
             */
            client_id?: string | null;
            /**
             * Kind
             * @default null
             */
            kind?: string | null;
            /**
             * Params
             * @default null
             */
            params?: {
                [key: string]: components["schemas"]["JsonValue"];
            } | null;
            /**
             * Tasks
             * @default null
             */
            tasks?: components["schemas"]["QueueTaskItem"][] | null;
            /**
             * Batch Id
             * @default null
             */
            batch_id?: string | null;
            /**
             * Install
             * @default null
             */
            install?: {
                [key: string]: components["schemas"]["JsonValue"];
            }[] | null;
            /**
             * Reinstall
             * @default null
             */
            reinstall?: {
                [key: string]: components["schemas"]["JsonValue"];
            }[] | null;
            /**
             * Uninstall
             * @default null
             */
            uninstall?: {
                [key: string]: components["schemas"]["JsonValue"];
            }[] | null;
            /**
             * Update
             * @default null
             */
            update?: {
                [key: string]: components["schemas"]["JsonValue"];
            }[] | null;
            /**
             * Fix
             * @default null
             */
            fix?: {
                [key: string]: components["schemas"]["JsonValue"];
            }[] | null;
            /**
             * Disable
             * @default null
             */
            disable?: {
                [key: string]: components["schemas"]["JsonValue"];
            }[] | null;
            /**
             * Enable
             * @default null
             */
            enable?: {
                [key: string]: components["schemas"]["JsonValue"];
            }[] | null;
            /**
             * Install Model
             * @default null
             */
            install_model?: {
                [key: string]: components["schemas"]["JsonValue"];
            }[] | null;
            /** @default null */
            update_all?: components["schemas"]["JsonValue"];
            /** @default null */
            update_comfyui?: components["schemas"]["JsonValue"];
            /**
             * Allow
             * @default []
             */
            allow?: ("builds" | "indexes" | "urls" | "install-py" | "flagged")[];
            /**
             * Policy
             * @default newest
             * @enum {string}
             */
            policy?: "newest" | "fewest-broken";
            /**
             * Prefer
             * @default {}
             */
            prefer?: {
                [key: string]: string;
            };
            /**
             * Strategy
             * @default merged
             * @enum {string}
             */
            strategy?: "merged" | "one-by-one";
            /**
             * Agree
             * @default
             */
            agree?: string;
            /**
             * At Next Start
             * @default false
             */
            at_next_start?: boolean;
        };
        /**
         * TaskStatus
         * @description How it ended, as Manager says it.
         */
        TaskStatus: {
            /**
             * Status Str
             * @enum {string}
             */
            status_str: "success" | "error" | "skip";
            /** Completed */
            completed: boolean;
            /** Messages */
            messages: string[];
        };
        /**
         * Token
         * @description What a page sends along with everything that changes something.
         */
        Token: {
            /** Token */
            token: string;
            /** Header */
            header: string;
        };
        /**
         * Transaction
         * @description One transaction, as its journal tells.
         */
        Transaction: {
            /** Id */
            id: string;
            /** Operation */
            operation: string;
            /** State */
            state: string;
            /** Started */
            started: string;
            /** Ended */
            ended: string;
            /** Summary */
            summary: {
                [key: string]: components["schemas"]["JsonValue"];
            };
            /** Deferred */
            deferred: boolean;
            /** Tries */
            tries: number;
            /** Reason */
            reason: string;
            /** Problem */
            problem: string;
            /**
             * Snapshot
             * @default
             */
            snapshot: string;
        };
        /**
         * Transactions
         * @description Transactions, newest first.
         */
        Transactions: {
            /** Transactions */
            transactions: components["schemas"]["Transaction"][];
            pagination: components["schemas"]["Pagination"];
        };
        /**
         * Upload
         * @description An archive that is here now.
         */
        Upload: {
            /** Source */
            source: string;
            /** Name */
            name: string;
            /** Bytes */
            bytes: number;
        };
        /**
         * WaitingChange
         * @description A change that is carried out at the next start.
         */
        WaitingChange: {
            /** Id */
            id: string;
            /** Operation */
            operation: string;
            /** Since */
            since: string;
            /** Tries */
            tries: number;
            /** Why */
            why: string;
            /** Said */
            said: string;
        };
        /**
         * WantedPackage
         * @description A package somebody asks for, and everybody's lines about it.
         */
        WantedPackage: {
            /** Name */
            name: string;
            /** Installed */
            installed: string;
            /** Provided By */
            provided_by: string;
            /** Wishes */
            wishes: components["schemas"]["WishStanding"][];
        };
        /**
         * Why
         * @description Everything known about one package here.
         */
        Why: {
            /** Package */
            package: string;
            /** Installed */
            installed: string;
            /** Provided By */
            provided_by: string;
            /** Wishes */
            wishes: components["schemas"]["WishNow"][];
            /** Rules */
            rules: components["schemas"]["RuleWords"][];
            /** Decisions */
            decisions: {
                [key: string]: components["schemas"]["JsonValue"];
            }[];
        };
        /**
         * Wish
         * @description Who wants what.
         */
        Wish: {
            /** Pack */
            pack: string;
            /** Requirement */
            requirement: string;
        };
        /**
         * WishNow
         * @description Somebody's wish for a package, and whether it holds now.
         */
        WishNow: {
            /** Pack */
            pack: string;
            /** Requirement */
            requirement: string;
            /** File */
            file: string;
            /** Line */
            line: number;
            /** Met */
            met: boolean;
        };
        /**
         * WishStanding
         * @description One requirement line, and how it stands now.
         */
        WishStanding: {
            /** Pack */
            pack: string;
            /** Requirement */
            requirement: string;
            /** File */
            file: string;
            /** Line */
            line: number;
            /**
             * Outcome
             * @enum {string}
             */
            outcome: "met" | "overruled" | "broken";
            /** Rule */
            rule: string;
            /** Reason */
            reason: string;
        };
        /**
         * Wishes
         * @description Every requirement line that counts here, by package.
         */
        Wishes: {
            /** Packages */
            packages: components["schemas"]["WantedPackage"][];
            /** Findings */
            findings: components["schemas"]["Finding"][];
        };
        /**
         * WorkElsewhere
         * @description Another process that is at work here: the command line, another ComfyUI.
         */
        WorkElsewhere: {
            /** Pid */
            pid: number;
            /** Operation */
            operation: string;
            /** Since */
            since: string;
        };
        /**
         * WorkflowRequest
         * @description A workflow as the page saves it, as it is queued (`prompt`), or both: together they say the most.
         *
         *     A workflow may also be sent as it is, without anything round it.
         */
        WorkflowRequest: {
            /**
             * Workflow
             * @default null
             */
            workflow?: {
                [key: string]: components["schemas"]["JsonValue"];
            } | null;
            /**
             * Prompt
             * @default null
             */
            prompt?: {
                [key: string]: components["schemas"]["JsonValue"];
            } | null;
            /**
             * Choose
             * @default {}
             */
            choose?: {
                [key: string]: string;
            };
            /**
             * Client Id
             * @default null
             */
            client_id?: string | null;
        };
    };
    responses: never;
    parameters: never;
    requestBodies: never;
    headers: never;
    pathItems: never;
}
