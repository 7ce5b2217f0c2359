# SPDX-License-Identifier: GPL-3.0-or-later
# Completion for mmscope in bash: options, machines, the commands of -c, files.

_mmscope()
{
	local current=${COMP_WORDS[COMP_CWORD]} previous=${COMP_WORDS[COMP_CWORD-1]}

	COMPREPLY=()
	case $previous in
	-c)
		# The first word of a command line is a command.
		mapfile -t COMPREPLY < <(compgen -W "$(mmscope --list-commands 2>/dev/null)" -- "$current")
		return
		;;
	-i)
		compopt -o filenames 2>/dev/null
		mapfile -t COMPREPLY < <(compgen -f -- "$current")
		return
		;;
	--sim)
		case $current in
		*,*)
			mapfile -t COMPREPLY < <(compgen -P "${current%,*}," -W "mem= highmem=on highmem=off nodes= cpus= scenario=off" -- "${current##*,}")
			compopt -o nospace 2>/dev/null
			;;
		*)
			mapfile -t COMPREPLY < <(compgen -W "linux-2.4-i386 linux-3.19-x86_64 linux-5.10-x86_64" -- "$current")
			;;
		esac
		return
		;;
	--phys-offset)
		return
		;;
	esac
	case $current in
	-*)
		mapfile -t COMPREPLY < <(compgen -W "-c -i -s --json --raw --phys-offset --sim --no-rc --no-kernel --help --version" -- "$current")
		;;
	*)
		compopt -o filenames 2>/dev/null
		mapfile -t COMPREPLY < <(compgen -f -- "$current")
		;;
	esac
}

complete -F _mmscope mmscope
