"""Problems of a wallet."""

from __future__ import annotations

from wire.problem import Code, Conflict, Damaged, Malformed, NotFound, Refused

NO_WALLET = Code("no-wallet", NotFound)
"""There is no wallet at the place."""
WALLET_GONE = NO_WALLET.finer("wallet-gone")
"""A wallet was looked at that is not there any more."""
WALLET_LOST = Code("wallet-lost", Conflict)
"""A wallet is to be made where one was, whose file is gone."""
DAMAGED_WALLET = Code("damaged-wallet", Damaged)
"""The wallet's file is not as it was written."""
WALLET_OUTDATED = Code("wallet-outdated", Damaged)
"""The wallet's file is an older copy than the one that was seen here last."""
NO_WALLET_BACKUP = Code("no-wallet-backup", Malformed)
"""The file is no backup of a wallet."""
NO_SUCH_CREDENTIAL = Code("no-such-credential", NotFound)
"""The wallet holds none, or more than one, whose id begins so."""
NO_SUCH_CLAIM = Code("no-such-claim", NotFound)
"""A claim was chosen that the credential does not have."""
SHOWN_WHOLE = Code("shown-whole", Refused, "The credential can only be shown whole")
"""A part of a credential was chosen whose form shows all of it."""
SHOWN_ALONE = Code("shown-alone", Refused, "The credential is shown alone")
"""A credential whose form is presented by itself was to be presented together with others."""
