"""What can be wrong with a wallet."""

from __future__ import annotations

from wire.problem import Conflict, Damaged, Malformed, NotFound


class NoWallet(NotFound):
    """There is no wallet at the place."""

    code = "no-wallet"


class WalletGone(NoWallet):
    """A wallet was looked at that is not there any more."""

    code = "wallet-gone"


class WalletLost(Conflict):
    """A wallet is to be made where one was, whose file is gone."""

    code = "wallet-lost"


class DamagedWallet(Damaged):
    """The wallet's file is not as it was written."""

    code = "damaged-wallet"


class WalletOutdated(Damaged):
    """The wallet's file is an older copy than the one that was seen here last."""

    code = "wallet-outdated"


class NoWalletBackup(Malformed):
    """The file is no backup of a wallet."""

    code = "no-wallet-backup"


class NoSuchCredential(NotFound):
    """The wallet holds none, or more than one, whose id begins so."""

    code = "no-such-credential"
