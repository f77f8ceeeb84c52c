"""What people look at beside single events.

`losses` puts together what was lost of each cluster and why, and who sends; `loss_plot` draws it over time;
`watch_ends` tells of watches without a recorded end. A module here may import `storage`, `ingest`, services and the
pure rooms; blueprints import it, never the other way round.
"""
