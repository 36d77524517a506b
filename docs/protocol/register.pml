/* One product that is a SELECT over several tables: its version and body in SQL, its entry and lease in Redis, Workers, one reader, faults.
 * Each inline of "the scripts" is one step on Redis; d_step is what Redis promises, and a commit of SQL.
 * A version is drawn at COMMIT, together with the outbox record, and kept in a side table that outlives the product; absence has a version
 * like any body. The rank of an entry is its version; 0: no transaction has touched the product. Bodies are numbered in the order in which
 * SQL showed them. Late draw: a commit through a fan-out table changes the body and records "expand" only; a later transaction draws the
 * version, writes the outbox record and removes "expand". Until then one version has two bodies. valid_until (ENDS): a body may have an
 * end, at which SQL shows another body with the same version.
 * Only changes and ends are bounded. A recorded change may be delivered at any time, in any order, again, and a Worker may stop in the middle
 * of it. A request for a fill may be delivered at any time. README.md lists the options and the results.
 *
 *   spin -a register.pml && gcc -O2 -DSAFETY -DCOLLAPSE -o pan pan.c && ./pan -m1000000      all interleavings
 *   spin -a -DWITHOUT_FILL_FLOOR register.pml && gcc -O2 -DSAFETY -DBFS -o pan pan.c && ./pan; spin -t -DWITHOUT_FILL_FLOOR register.pml
 *                                                                 a rule left out: the shortest way to a broken promise
 */
#ifndef CHANGES
#define CHANGES 2
#endif
#ifndef ENDS
#define ENDS 0                                    /* how many bodies may have an end */
#endif
#ifndef WORKERS
#define WORKERS 2
#endif
#define BODIES (CHANGES + ENDS + 1)
#define READER 255                                /* token of a reader's lease; a Worker's claim has its number */

bool entryThere; byte entryRank, entryBody;       /* product:{1}; "no entry" is not rank 0 */
bool leaseThere; byte leaseToken, leaseFloor;     /* lease:{1}   */

byte version, body = 1;                           /* what a snapshot of SQL shows now */
byte lastVersion;                                 /* the sequence */
bool absent[BODIES+1];                            /* of each body */
byte changesLeft = CHANGES;
byte expansions;                                  /* records "expand" that wait for their draw */
bool recorded[CHANGES+1], done[CHANGES+1];        /* of each version: its change was recorded; it was brought to Redis */
byte toDo;                                        /* expansions, and recorded changes that are not done */
byte held[4];                                     /* of each Worker: the body that it has read */
byte newestSeen;                                  /* by readers */
byte shown[BODIES+1];                             /* of each body: the versions with which a snapshot showed it */
byte i;
#if ENDS > 0
byte endsLeft = ENDS, entryEnd;                   /* of the entry: the body whose end it carries, 0: none */
bool ends[BODIES+1], ended[BODIES+1];             /* of each body: it has an end; the end has passed */
#define HAS_ENDED(b) ended[b]
#define KEEPS_END(b) (entryEnd == b)
inline takeEnd(b)        { entryEnd = (ends[b] -> b : 0) }
inline forget(b)         { absent[b] = false; shown[b] = 0; ends[b] = false; ended[b] = false }
inline removeEntry()     { entryThere = false; entryRank = 0; entryBody = 0; entryEnd = 0 }
#else
#define HAS_ENDED(b) false
#define KEEPS_END(b) false
inline takeEnd(b)        { skip }
inline forget(b)         { absent[b] = false; shown[b] = 0 }
inline removeEntry()     { entryThere = false; entryRank = 0; entryBody = 0 }
#endif

/* ---- rules left out, and other rules ---- */
#ifdef BY_VERSION                                 /* (b) for versions instead of bodies */
#define SEEN entryRank
#else
#define SEEN entryBody
#endif
#ifdef ZERO_IS_NONE                               /* tonumber(x or 0) */
#define ENTRY_THERE (entryThere && entryRank > 0)
#else
#define ENTRY_THERE entryThere
#endif
#ifdef WITHOUT_TOKEN
#define HAS_LEASE leaseThere
#else
#define HAS_LEASE (leaseThere && leaseToken == _pid)
#endif
#ifdef WITHOUT_FILL_FLOOR
#define IS_OUTDATED(rank) false
#else
#define IS_OUTDATED(rank) (rank < leaseFloor)
#endif
#ifdef FILL_KEEPS_EQUAL                           /* not enough: the entry may have ended */
#define IS_KEPT(rank) (entryThere && entryRank == rank)
#else
#define IS_KEPT(rank) false
#endif
#ifdef REFRESH_REMOVES                            /* also sound */
#define REPLACES false
#else
#define REPLACES true
#endif
#ifdef FILL_IGNORES_END
#define IS_PAST(b) false
#else
#define IS_PAST(b) HAS_ENDED(b)
#endif

/* ---- the promises, held after every step ---- */
inline promises() {
  assert(!(toDo == 0 && entryThere && entryBody != body));               /* (a) all done: cache and SQL agree */
  assert(!(entryThere && SEEN < newestSeen));                            /* (b) no reader goes back */
#ifndef WITHOUT_C
  assert(!(entryThere && (shown[entryBody] >> entryRank) % 2 == 0));     /* (c) nothing invented: one snapshot showed rank and body */
#endif
  assert(!(entryThere && HAS_ENDED(entryBody)));                         /* (d) nothing is served beyond its end */
  if :: entryThere && SEEN > newestSeen -> newestSeen = SEEN :: else fi;
  i = 1;                                                                 /* forget bodies that no process can meet again */
  do :: i < body -> if :: i == entryBody || i == held[1] || i == held[2] || i == held[3] || KEEPS_END(i) :: else -> forget(i) fi; i++
     :: else -> break
  od; i = 0
}

/* ---- the scripts ---- */
inline makeLease(token)  { leaseThere = true; leaseToken = token; leaseFloor = 0 }
inline removeLease()     { leaseThere = false; leaseToken = 0; leaseFloor = 0 }
inline raiseFloor(r)     { if :: leaseThere && leaseFloor < (r) -> leaseFloor = (r) :: else fi }

inline lease() { if :: !entryThere && !leaseThere -> makeLease(READER) :: else fi }
inline early() { if :: entryThere && !leaseThere -> makeLease(READER) :: else fi }
inline claim() { makeLease(_pid) }                /* also beside an entry, which may be one that is to be renewed */

inline fill(rank, b) {
  if :: !HAS_LEASE -> printf("MSC: Worker %d: fill v%d b%d: refused\n", _pid, rank, b)
     :: HAS_LEASE && IS_OUTDATED(rank) -> printf("MSC: Worker %d: fill v%d b%d: outdated\n", _pid, rank, b)
     :: HAS_LEASE && !IS_OUTDATED(rank) ->
        if :: IS_KEPT(rank) -> printf("MSC: Worker %d: fill v%d b%d: kept\n", _pid, rank, b)
           :: !IS_KEPT(rank) && IS_PAST(b) -> removeEntry(); printf("MSC: Worker %d: fill v%d b%d: past its end\n", _pid, rank, b)
           :: else -> entryThere = true; entryRank = rank; entryBody = b; takeEnd(b); printf("MSC: Worker %d: fill v%d b%d: stored\n", _pid, rank, b)
        fi;
        removeLease()
  fi
}
inline change(r, isStale, staleRank) {
  raiseFloor(r);
  if :: ENTRY_THERE && entryRank < r -> isStale = true; staleRank = entryRank :: else fi;
  printf("MSC: Worker %d: change v%d: stale %d\n", _pid, r, isStale)
}
inline refresh(staleRank, rank, b) {              /* an entry of lower rank is replaced, or removed, which is always safe; none is created */
#ifndef WITHOUT_REFRESH_FLOOR
  raiseFloor(rank);
#endif
  if :: !ENTRY_THERE || entryRank >= rank -> printf("MSC: Worker %d: refresh v%d b%d: current\n", _pid, rank, b)
     :: ENTRY_THERE && entryRank < rank ->
        if :: REPLACES && entryRank == staleRank && absent[entryBody] == absent[b] && !HAS_ENDED(b) ->
              entryRank = rank; entryBody = b;
#ifndef REFRESH_KEEPS_END
              takeEnd(b);
#endif
#ifdef REFRESH_ENDS_LEASE                         /* also sound */
              removeLease();
#elif !defined(WITHOUT_FLOOR_ABOVE) && !defined(WITHOUT_REFRESH_FLOOR)
              raiseFloor(rank + 1);               /* a fill that read this version before may have an older body of it */
#endif
              printf("MSC: Worker %d: refresh v%d b%d: replaced\n", _pid, rank, b)
           :: else -> removeEntry(); printf("MSC: Worker %d: refresh v%d b%d: removed\n", _pid, rank, b)
        fi
  fi
}

/* ---- SQL ---- */
inline newBody() {
  body++;
  if :: absent[body] = false :: absent[body] = true fi;
#if ENDS > 0
  if :: endsLeft > 0 -> endsLeft--; ends[body] = true :: true fi
#endif
}
inline nowShown()  { shown[body] = shown[body] | (1 << version) }
inline record(v)   { version = v; recorded[v] = true; nowShown() }
inline draw() { lastVersion++; record(lastVersion); printf("MSC: SQL: expansion: v%d for b%d\n", version, body); promises() }
inline readVersion() { rank = version; printf("MSC: Worker %d: reads v%d\n", _pid, rank) }
inline readBody()    { held[_pid] = body; printf("MSC: Worker %d: reads b%d\n", _pid, body) }
inline readAll()     { rank = version; held[_pid] = body; printf("MSC: Worker %d: reads v%d b%d\n", _pid, rank, body) }
#ifdef BODY_FIRST
#define READ d_step { readBody() }; d_step { readVersion() }
#elif defined(VERSION_FIRST)
#define READ d_step { readVersion() }; d_step { readBody() }
#else
#define READ d_step { readAll() }                 /* one statement, one snapshot */
#endif

/* ---- who takes the steps ---- */
inline forgetJob() { v = 0; staleRank = 0; isStale = false; rank = 0; held[_pid] = 0 }
inline isDone()    { if :: !done[v] -> done[v] = true; toDo-- :: else fi }
#define DELIVER(n) :: d_step { recorded[n] -> v = n; change(v, isStale, staleRank); if :: !isStale -> isDone() :: else fi; promises() }

proctype Worker() {
  byte v, rank, staleRank; bool isStale;
end:
  do
  :: d_step { claim(); printf("MSC: Worker %d: claim\n", _pid) }
     if
     :: READ; d_step { fill(rank, held[_pid]); forgetJob(); promises() }
     :: true                                                                        /* the Worker stops */
     fi
  :: atomic {
       if
       DELIVER(1)
       DELIVER(2)
#if CHANGES > 2
       DELIVER(3)
#endif
#if CHANGES > 3
       DELIVER(4)
#endif
       fi;
       if :: !isStale -> v = 0; goto end :: isStale fi                              /* the change is done */
     }
     if
     :: READ; d_step { refresh(staleRank, rank, held[_pid]); isDone(); forgetJob(); promises() }
     :: d_step { true -> forgetJob() }                                              /* the Worker stops; the change is delivered again */
     fi
#ifndef EXPANSION_IN_TWO                                                            /* one transaction takes one record or all */
  :: d_step { expansions > 0 -> expansions--; draw() }
  :: d_step { expansions > 1 -> toDo = toDo - expansions + 1; expansions = 0; draw() }
#else                                                                               /* the record is removed before the draw */
  :: d_step { expansions > 0 -> expansions--; printf("MSC: SQL: \"expand\" is removed\n") }
     if :: d_step { draw() } :: d_step { toDo--; promises(); printf("MSC: Worker %d: stops\n", _pid) } fi
#endif
  od
}

proctype Reader() {
end: do
  :: d_step { !entryThere && !leaseThere -> lease(); printf("MSC: reader: lease\n") }
  :: d_step { entryThere && !leaseThere -> early(); printf("MSC: reader: early lease\n") }
  od
}

proctype Writer() {
#ifdef DRAWN_BY_STATEMENT                                                           /* without the lock: commits in another order */
  byte drawn;
#endif
end: do
#ifndef DRAWN_BY_STATEMENT
  :: atomic { changesLeft > 0 -> changesLeft--; newBody();
              d_step { lastVersion++; record(lastVersion); toDo++; printf("MSC: SQL: commit v%d b%d, absent %d\n", version, body, absent[body]);
                       promises() } }
#else
  :: d_step { changesLeft > 0 -> changesLeft--; lastVersion++; drawn = lastVersion; printf("MSC: SQL: transaction %d draws v%d\n", _pid, drawn) }
     atomic { newBody();
              d_step { record(drawn); toDo++; printf("MSC: SQL: transaction %d: commit v%d b%d\n", _pid, drawn, body); drawn = 0; promises() } }
#endif
#ifndef WITHOUT_FAN_OUT
  :: atomic { changesLeft > 0 -> changesLeft--; newBody();
              d_step { nowShown(); expansions++; toDo++; printf("MSC: SQL: commit through the fan-out b%d, absent %d\n", body, absent[body]);
                       promises() } }
#endif
#ifdef MISSING_WATCH
  :: atomic { changesLeft > 0 -> changesLeft--; newBody();
              d_step { nowShown(); printf("MSC: SQL: commit b%d, absent %d, nothing recorded\n", body, absent[body]); promises() } }
#endif
  od
}

proctype Faults() {
end: do
  :: d_step { entryThere || leaseThere -> removeEntry(); removeLease(); promises(); printf("MSC: Redis loses everything\n") }
  :: d_step { leaseThere -> removeLease(); printf("MSC: the lease expires\n") }
  :: d_step { entryThere -> removeEntry(); promises(); printf("MSC: the entry ends\n") }
  od
}

#if ENDS > 0
proctype Time() {                                 /* ends pass in any order */
  byte passed;
end: do
  :: atomic { if :: ends[1] && !ended[1] -> passed = 1 :: ends[2] && !ended[2] -> passed = 2 :: ends[3] && !ended[3] -> passed = 3
#if BODIES > 3
                 :: ends[4] && !ended[4] -> passed = 4
#endif
#if BODIES > 4
                 :: ends[5] && !ended[5] -> passed = 5
#endif
              fi;
              ended[passed] = true;
              if :: entryEnd == passed -> removeEntry() :: else fi;
              if :: passed == body -> newBody() :: else fi;
              d_step { nowShown(); printf("MSC: the end of b%d; SQL shows b%d\n", passed, body); passed = 0; promises() } }
  od
}
#endif

init { atomic {
  if :: absent[1] = false :: absent[1] = true fi;
  nowShown();
  for (i : 1 .. WORKERS) { run Worker() }
  i = 0;
  run Reader(); run Faults(); run Writer();
#ifdef DRAWN_BY_STATEMENT
  run Writer();
#endif
#if ENDS > 0
  if :: endsLeft--; ends[1] = true :: true fi;
  run Time()
#endif
} }
