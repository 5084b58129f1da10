package nemesis

// lies are what a fake cluster or database only pretends to do.
type lies struct {
	distant          bool // processes cannot be seen, only whether they answer
	cutNothing       bool // Cut returns nil
	cutAllButOne     bool // the last link stays open
	cutTooMuch       bool // another link goes too
	cutFails         bool
	countNothing     bool // the counters do not move
	countOnly        bool // the counters move, and packets arrive all the same
	probeBreaks      bool // probes fail for another reason than the link
	healNothing      bool
	healAllButOne    bool
	killNothing      bool
	killLeavesPID    bool // the node says stopped, the process is there
	killNotAwaited   bool // Exited is not closed
	killFails        bool
	pauseNothing     bool
	resumeNothing    bool
	restartNothing   bool
	restartFails     bool
	endsAtOnce       int  // so often, who is started ends at once
	endsSoon         bool // who is started ends before it is in service
	slowRestart      bool // to start the second node and those after it takes long
	kept             bool // somebody else may start nodes
	neverReady       bool
	clockStays       bool // BendClock returns what it reads: no offset
	clockStaysBent   bool
	lagNothing       bool
	lagForever       bool
	catchUpLate      int // so often, who is to catch up takes no order
	clientsGoOn      bool
	clientsStay      bool // paused for good
	noClients        bool
	clientsLive      bool // nobody dies
	tokenStays       bool // nothing is lost
	carriesNothing   bool
	clientsDieOn     bool
	memberStays      bool
	memberGone       bool // for good
	joinFails        int  // so often, a joiner gives up and ends
	membersUntold    bool
	rangesUntold     bool
	rangesLate       int // so often, the ranges cannot be asked for
	managerUntold    bool
	rangesStay       bool
	rangesChanged    bool // for good
	noPrimary        bool
	unknownPrimary   bool
	noFailover       bool // n1 is the primary, even when it is down
	oneCentre        bool
	operatorRestarts bool // the database's own operator starts killed nodes
	shapeNothing     bool // nothing is held back
	shapeOnlyCounts  bool // the counters move, and round trips are short
	unshapeNothing   bool
	loseAll          bool // nothing arrives
	overtakeNothing  bool // what is to overtake waits like all the rest
	resetNothing     bool // no connection is open
	shutdownNothing  bool
	rollsNoFurther   bool // only the first server that is told to end does so
	limitNothing     bool
	limitLoose       bool // a limit, and more than it has
	limitForever     bool
	limitUncounted   int  // so often, what was refused cannot be read
	limitUnread      bool // a log is too long
	limitStaysOnce   bool // lifted by the second order only
	limitUnmet       bool // nobody wants more
	throttleFails    bool
	throttleNothing  bool
	throttleIdle     bool // nobody uses the share up
	throttleOutside  bool // some processes run as they like
	throttleStays    bool
	othersAtOnce     bool // only the first of a rolling slow start starts slowly
	endsOfLimit      bool // the process does
	holdLost         bool // what was broken is whole before it is healed
	startsAtOnce     bool // who starts cannot be stopped
	farApart         bool // each link has a delay all the time
	orderRefused     bool
	refusedWhileCut  bool // an order, while a link is cut
	orderNothing     bool // an order is said to be carried out
	staysOut         bool // what was reinitialized serves no more
	poolerLives      bool // who is killed lets clients through all the same
	poolerStays      bool // killed for good
	serverShut       bool // the server does not answer either
	powerFails       bool // the disk cannot take anything back
	powerStays       bool // it says that it did
	powerLeaves      bool // it takes back something, not all
	allSynced        bool // there is nothing to take back
	diskUnsettled    bool
	diskStaysWhole   bool
	diskUnmet        bool // nobody asks anything of it
	diskForever      bool // broken for good
	endsOfDisk       bool // the process does
	damageUnread     bool // nobody reads what is damaged
	damageOver       bool
	damageEndless    bool // the disk does not say what came of it
	star             bool // nodes talk to the first one alone
}
