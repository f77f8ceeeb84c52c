"""Events as lanes over time: what happened to which object, by whom or where, one above the other."""
