"""Who may read: keys, sealed tokens, and the limits of a login.

Start with `keys`, which reads or makes the one key that lies outside the database. Everything that a reader holds and
gives back is bound to it: sessions and API tokens by a MAC over their row (`rows`), the tokens of pages by
authenticated encryption (`tokens`). Somebody who writes the database without the key can therefore become nobody else.
This room imports `config`, `signing` and the stores of readers; blueprints and services import it.
"""
