/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The functions of Linux 2.4.20 in the order in which they are linked, so that addresses in its text have names. Static ones have a dot before them.
 */
#include "mm/sim/linux24.h"

/* clang-format off */
const char linux24_functions[] =
	/* arch/i386/kernel/process.c */
	"disable_hlt enable_hlt default_idle .poll_idle cpu_idle machine_real_restart machine_restart machine_halt "
	"machine_power_off show_regs release_segments kernel_thread exit_thread flush_thread release_thread "
	"copy_segments copy_thread dump_thread __switch_to sys_fork sys_clone sys_vfork sys_execve get_wchan "
	/* arch/i386/kernel/semaphore.c */
	"__up __down __down_interruptible __down_trylock "
	/* arch/i386/kernel/signal.c */
	"copy_siginfo_to_user sys_sigsuspend sys_rt_sigsuspend sys_sigaction sys_sigaltstack .restore_sigcontext "
	"sys_sigreturn sys_rt_sigreturn .setup_sigcontext .setup_frame .setup_rt_frame .handle_signal do_signal "
	/* arch/i386/kernel/traps.c */
	"show_trace show_trace_task show_stack dump_stack show_registers .handle_BUG die do_general_protection "
	".mem_parity_error .io_check_error .unknown_nmi_error do_nmi do_debug math_error do_coprocessor_error "
	"simd_math_error do_simd_coprocessor_error do_spurious_interrupt_bug math_state_restore math_emulate "
	"set_intr_gate __volatile__ set_ldt_desc .superio_outb .superio_init .lithium_init .cobalt_init "
	/* arch/i386/kernel/irq.c */
	"no_action .enable_none .startup_none .disable_none .ack_none get_irq_list .show synchronize_irq "
	"__global_cli __global_sti __global_save_flags __global_restore_flags handle_IRQ_event disable_irq "
	"enable_irq do_IRQ request_irq free_irq probe_irq_on probe_irq_mask probe_irq_off setup_irq "
	".parse_hex_value .irq_affinity_read_proc .irq_affinity_write_proc .prof_cpu_mask_read_proc "
	".prof_cpu_mask_write_proc .register_irq_proc init_irq_proc "
	/* arch/i386/kernel/vm86.c */
	"save_v86_state .mark_screen_rdonly sys_vm86old sys_vm86 .do_sys_vm86 .do_int handle_vm86_trap "
	"handle_vm86_fault .irq_handler release_x86_irqs .do_vm86_irq_handling "
	/* arch/i386/kernel/ptrace.c */
	".putreg .getreg ptrace_disable sys_ptrace syscall_trace "
	/* arch/i386/kernel/ioport.c */
	".set_bitmap sys_ioperm sys_iopl "
	/* arch/i386/kernel/ldt.c */
	".read_ldt .read_default_ldt .write_ldt sys_modify_ldt "
	/* arch/i386/kernel/setup.c */
	".show_cpuinfo .c_start .c_next .c_stop "
	/* arch/i386/kernel/time.c */
	".do_slow_gettimeoffset do_gettimeofday do_settimeofday .set_rtc_mmss .timer_interrupt get_cmos_time "
	/* arch/i386/kernel/sys_i386.c */
	"sys_pipe sys_mmap2 old_mmap old_select sys_ipc sys_uname sys_olduname sys_pause "
	/* arch/i386/kernel/smp.c */
	"send_IPI_self smp_invalidate_interrupt .flush_tlb_others flush_tlb_current_task flush_tlb_mm "
	"flush_tlb_page .flush_tlb_all_ipi flush_tlb_all smp_send_reschedule .stop_this_cpu smp_send_stop "
	"smp_reschedule_interrupt smp_call_function_interrupt "
	/* arch/i386/mm/init.c */
	"do_check_pgt_cache show_mem __set_fixmap .do_test_wp_bit free_initmem free_initrd_mem si_meminfo "
	/* arch/i386/mm/fault.c */
	"__verify_write bust_spinlocks do_page_fault "
	/* arch/i386/mm/ioremap.c */
	".remap_area_pages __ioremap iounmap "
	/* arch/i386/mm/extable.c */
	"search_exception_table "
	/* arch/i386/mm/pageattr.c */
	".split_large_page .flush_kernel_map .set_pmd_pte .__change_page_attr change_page_attr "
	/* init/main.c */
	".rest_init .init "
	/* kernel/sched.c */
	"scheduling_functions_start_here .reschedule_idle .process_timeout schedule_timeout schedule_tail schedule "
	"__wake_up __wake_up_sync complete wait_for_completion interruptible_sleep_on "
	"interruptible_sleep_on_timeout sleep_on sleep_on_timeout scheduling_functions_end_here sys_nice "
	".setscheduler sys_sched_setscheduler sys_sched_setparam sys_sched_getscheduler sys_sched_getparam "
	"sys_sched_yield yield __cond_resched sys_sched_get_priority_max sys_sched_get_priority_min "
	"sys_sched_rr_get_interval .show_task render_sigset_t show_state reparent_to_init daemonize "
	/* kernel/dma.c */
	"get_dma_list request_dma free_dma "
	/* kernel/fork.c */
	"add_wait_queue add_wait_queue_exclusive remove_wait_queue .get_pid .mm_init mm_alloc mmput mm_release "
	".copy_mm copy_fs_struct .count_open_files .copy_files do_fork "
	/* kernel/exec_domain.c */
	".default_handler .lookup_exec_domain register_exec_domain unregister_exec_domain __set_personality "
	"get_exec_domain_list sys_personality "
	/* kernel/panic.c */
	"panic print_tainted __out_of_line_bug "
	/* kernel/printk.c */
	"do_syslog sys_syslog .__call_console_drivers ._call_console_drivers .call_console_drivers .emit_log_char "
	"printk acquire_console_sem release_console_sem console_conditional_schedule console_print console_unblank "
	"register_console unregister_console tty_write_message "
	/* kernel/module.c */
	"inter_module_register inter_module_unregister inter_module_get inter_module_get_request inter_module_put "
	"sys_create_module sys_init_module try_inc_mod_count sys_delete_module .qm_modules .qm_deps .qm_refs "
	".qm_symbols .qm_info sys_query_module sys_get_kernel_syms find_module free_module get_module_list "
	".s_start .s_next .s_stop .s_show "
	/* kernel/exit.c */
	".release_task session_of_pgrp .will_become_orphaned_pgrp is_orphaned_pgrp put_files_struct exit_files "
	"put_fs_struct exit_fs start_lazy_tlb end_lazy_tlb exit_mm .exit_notify do_exit complete_and_exit sys_exit "
	"sys_wait4 sys_waitpid "
	/* kernel/itimer.c */
	".tvtojiffies .jiffiestotv do_getitimer sys_getitimer it_real_fn do_setitimer sys_setitimer "
	/* kernel/info.c */
	"sys_sysinfo "
	/* kernel/time.c */
	"sys_time sys_stime sys_gettimeofday do_sys_settimeofday sys_settimeofday do_adjtimex sys_adjtimex "
	/* kernel/softirq.c */
	"do_softirq raise_softirq open_softirq __tasklet_schedule __tasklet_hi_schedule .tasklet_action "
	".tasklet_hi_action tasklet_init tasklet_kill .bh_action init_bh remove_bh __run_task_queue .ksoftirqd "
	/* kernel/resource.c */
	".do_resource_list get_resource_list .__request_resource .__release_resource request_resource "
	"release_resource check_resource .find_resource allocate_resource __request_region __check_region "
	"__release_region "
	/* kernel/sysctl.c */
	"do_sysctl .test_perm .parse_table do_sysctl_strategy register_sysctl_table unregister_sysctl_table "
	".register_proc_table .unregister_proc_table .do_rw_proc .proc_readsys .proc_writesys .proc_sys_permission "
	"proc_dostring .proc_doutsstring .do_proc_dointvec proc_dointvec proc_dointvec_bset proc_dointvec_minmax "
	".do_proc_doulongvec_minmax proc_doulongvec_minmax proc_doulongvec_ms_jiffies_minmax proc_dointvec_jiffies "
	"sysctl_string sysctl_intvec sysctl_jiffies "
	/* kernel/acct.c */
	".acct_timeout .check_free_space sys_acct acct_auto_close .encode_comp_t .do_acct_process acct_process "
	/* kernel/capability.c */
	"sys_capget .cap_set_pg .cap_set_all sys_capset "
	/* kernel/ptrace.c */
	"ptrace_check_attach ptrace_attach ptrace_detach access_process_vm ptrace_readdata ptrace_writedata "
	/* kernel/timer.c */
	"init_timervecs add_timer mod_timer del_timer sync_timers del_timer_sync tqueue_bh immediate_bh "
	".second_overflow .update_wall_time_one_tick .update_wall_time update_one_process update_process_times "
	".count_active_tasks timer_bh do_timer sys_alarm sys_getpid sys_getppid sys_getuid sys_geteuid sys_getgid "
	"sys_getegid sys_gettid sys_nanosleep "
	/* kernel/user.c */
	"free_uid alloc_uid "
	/* kernel/signal.c */
	".next_signal .flush_sigqueue flush_signals exit_sighand flush_signal_handlers sig_exit block_all_signals "
	"unblock_all_signals .collect_signal dequeue_signal .rm_from_queue .rm_sig_from_queue bad_signal "
	".signal_type .ignored_signal .handle_stop_signal .send_signal .deliver_signal send_sig_info "
	"force_sig_info kill_pg_info kill_sl_info .kill_something_info send_sig force_sig kill_pg kill_sl "
	"kill_proc .wake_up_parent do_notify_parent notify_parent sys_rt_sigprocmask do_sigpending "
	"sys_rt_sigpending sys_rt_sigtimedwait sys_kill sys_tkill sys_rt_sigqueueinfo do_sigaction do_sigaltstack "
	"sys_sigpending sys_sigprocmask sys_rt_sigaction sys_sgetmask sys_ssetmask sys_signal "
	/* kernel/sys.c */
	"notifier_chain_register notifier_chain_unregister notifier_call_chain register_reboot_notifier "
	"unregister_reboot_notifier sys_ni_syscall .proc_sel sys_setpriority sys_getpriority sys_reboot "
	".deferred_cad ctrl_alt_del sys_setregid sys_setgid .set_user sys_setreuid sys_setuid sys_setresuid "
	"sys_getresuid sys_setresgid sys_getresgid sys_setfsuid sys_setfsgid sys_times sys_setpgid sys_getpgid "
	"sys_getpgrp sys_getsid sys_setsid sys_getgroups sys_setgroups .supplemental_group_member in_group_p "
	"in_egroup_p sys_newuname sys_sethostname sys_gethostname sys_setdomainname sys_getrlimit "
	"sys_old_getrlimit sys_setrlimit getrusage sys_getrusage sys_umask sys_prctl "
	/* kernel/kmod.c */
	"exec_usermodehelper .exec_modprobe request_module .____call_usermodehelper .__call_usermodehelper "
	"call_usermodehelper dev_probe_lock dev_probe_unlock "
	/* kernel/context.c */
	".need_keventd current_is_keventd schedule_task .context_thread flush_scheduled_tasks start_context_thread "
	/* kernel/uid16.c */
	"sys_chown16 sys_lchown16 sys_fchown16 sys_setregid16 sys_setgid16 sys_setreuid16 sys_setuid16 "
	"sys_setresuid16 sys_getresuid16 sys_setresgid16 sys_getresgid16 sys_setfsuid16 sys_setfsgid16 "
	"sys_getgroups16 sys_setgroups16 sys_getuid16 sys_geteuid16 sys_getgid16 sys_getegid16 "
	/* mm/memory.c */
	"__free_pte check_pgt_cache clear_page_tables copy_page_range zap_page_range .follow_page get_user_pages "
	"map_user_kiobuf mark_dirty_kiobuf unmap_kiobuf lock_kiovec unlock_kiovec zeromap_page_range "
	"remap_page_range .do_wp_page .vmtruncate_list vmtruncate swapin_readahead .do_swap_page "
	".do_anonymous_page .do_no_page handle_mm_fault __pmd_alloc pte_alloc make_pages_present vmalloc_to_page "
	/* mm/mmap.c */
	"vm_enough_memory lock_vma_mappings unlock_vma_mappings sys_brk .browse_rb .validate_mm .find_vma_prepare "
	".__vma_link .vma_merge do_mmap_pgoff get_unmapped_area find_vma find_vma_prev find_extend_vma "
	".unmap_fixup .free_pgtables do_munmap sys_munmap do_brk build_mmap_rb exit_mmap __insert_vm_struct "
	"insert_vm_struct "
	/* mm/filemap.c */
	".add_page_to_hash_queue __remove_inode_page remove_inode_page set_page_dirty invalidate_inode_pages "
	".do_flushpage .truncate_complete_page .truncate_list_pages truncate_inode_pages .invalidate_list_pages2 "
	"invalidate_inode_pages2 .do_buffer_fdatasync generic_buffer_fdatasync fail_writepage filemap_fdatasync "
	"filemap_fdatawait add_to_page_cache_locked add_to_page_cache add_to_page_cache_unique .page_cache_read "
	".read_cluster_nonblocking ___wait_on_page unlock_page .__lock_page lock_page __find_get_page "
	"find_trylock_page .__find_lock_page_helper __find_lock_page find_or_create_page grab_cache_page_nowait "
	".profile_readahead .generic_file_readahead mark_page_accessed do_generic_file_read "
	".generic_file_direct_IO file_read_actor generic_file_read .file_send_actor sys_sendfile .do_readahead "
	"sys_readahead .nopage_sequential_readahead filemap_nopage filemap_sync generic_file_mmap .msync_interval "
	"sys_msync .madvise_fixup_start .madvise_fixup_end .madvise_fixup_middle .madvise_behavior "
	".madvise_willneed .madvise_dontneed .madvise_vma sys_madvise .mincore_page .mincore_vma sys_mincore "
	"__read_cache_page read_cache_page generic_file_write "
	/* mm/mprotect.c */
	".change_protection .mprotect_fixup sys_mprotect "
	/* mm/mlock.c */
	".mlock_fixup .do_mlock sys_mlock sys_munlock .do_mlockall sys_mlockall sys_munlockall "
	/* mm/mremap.c */
	".move_one_page .move_page_tables do_mremap sys_mremap "
	/* mm/vmalloc.c */
	"vmfree_area_pages get_vm_area vfree __vmalloc vread vwrite "
	/* mm/slab.c */
	".kmem_cache_estimate .kmem_slab_destroy kmem_cache_create .is_chained_kmem_cache "
	".smp_call_function_all_cpus .do_ccupdate_local .drain_cpu_caches .__kmem_cache_shrink_locked "
	".__kmem_cache_shrink kmem_cache_shrink kmem_cache_destroy .kmem_cache_grow .kmem_extra_free_checks "
	"kmem_cache_alloc_batch .free_block kmem_cache_alloc kmalloc kmem_cache_free kfree kmem_cache_size "
	"kmem_find_general_cachep .kmem_tune_cpucache .enable_cpucache .enable_all_cpucaches kmem_cache_reap "
	"slabinfo_write "
	/* mm/swap.c */
	"activate_page lru_cache_add __lru_cache_del lru_cache_del "
	/* mm/vmscan.c */
	".swap_out .shrink_cache .refill_inactive .shrink_caches try_to_free_pages_zone try_to_free_pages "
	".check_classzone_need_balance .kswapd_balance_pgdat .kswapd_balance .kswapd_can_sleep_pgdat "
	".kswapd_can_sleep kswapd "
	/* mm/page_io.c */
	".rw_swap_page_base rw_swap_page rw_swap_page_nolock "
	/* mm/page_alloc.c */
	".__free_pages_ok .rmqueue _alloc_pages .balance_classzone __alloc_pages __get_free_pages get_zeroed_page "
	"__free_pages free_pages nr_free_pages nr_free_buffer_pages nr_free_highpages show_free_areas_core "
	"show_free_areas "
	/* mm/swap_state.c */
	".swap_writepage show_swap_cache_info add_to_swap_cache __delete_from_swap_cache delete_from_swap_cache "
	"free_page_and_swap_cache lookup_swap_cache read_swap_cache_async "
	/* mm/swapfile.c */
	"get_swap_page .swap_info_get .swap_info_put .swap_entry_free swap_free .exclusive_swap_page "
	"can_share_swap_page remove_exclusive_swap_page free_swap_and_cache .unuse_vma .unuse_process "
	".find_next_to_unuse .try_to_unuse sys_swapoff get_swaparea_info is_swap_partition sys_swapon si_swapinfo "
	"swap_duplicate swap_count get_swaphandle_info valid_swaphandles "
	/* mm/numa.c */
	"alloc_pages_node show_free_areas_node .alloc_pages_pgdat "
	/* mm/oom_kill.c */
	".int_sqrt .badness .select_bad_process oom_kill_task .oom_kill out_of_memory "
	/* mm/shmem.c */
	".shmem_recalc_inode .shmem_swp_entry .shmem_free_swp .shmem_truncate .shmem_delete_inode "
	".shmem_unuse_inode shmem_unuse .shmem_writepage .shmem_getpage_locked .shmem_getpage shmem_nopage "
	"shmem_lock .shmem_mmap shmem_get_inode .shmem_set_size .shmem_file_write .do_shmem_file_read "
	".shmem_file_read .shmem_statfs .shmem_lookup .shmem_mknod .shmem_mkdir .shmem_create .shmem_link "
	".shmem_empty .shmem_unlink .shmem_rmdir .shmem_rename .shmem_symlink .shmem_readlink_inline "
	".shmem_follow_link_inline .shmem_readlink .shmem_follow_link .shmem_parse_options .shmem_remount_fs "
	"shmem_sync_file .shmem_read_super shmem_file_setup shmem_zero_setup "
	/* fs/open.c */
	"vfs_statfs sys_statfs sys_fstatfs fd_install do_truncate sys_truncate sys_ftruncate sys_truncate64 "
	"sys_ftruncate64 sys_utime sys_utimes sys_access sys_chdir sys_fchdir sys_chroot sys_fchmod sys_chmod "
	".chown_common sys_chown sys_lchown sys_fchown filp_open dentry_open get_unused_fd sys_open sys_creat "
	"filp_close sys_close sys_vhangup generic_file_open "
	/* fs/read_write.c */
	"generic_read_dir generic_file_llseek no_llseek default_llseek sys_lseek sys_llseek sys_read sys_write "
	".do_readv_writev sys_readv sys_writev sys_pread sys_pwrite "
	/* fs/devices.c */
	"get_device_list .get_chrfops register_chrdev unregister_chrdev chrdev_open kdevname cdevname "
	".sock_no_open init_special_inode "
	/* fs/file_table.c */
	"get_empty_filp init_private_file fput fget put_filp file_move fs_may_remount_ro "
	/* fs/buffer.c */
	"unlock_buffer __wait_on_buffer end_buffer_io_sync .write_locked_buffers .write_some_buffers "
	".write_unlocked_buffers .wait_for_buffers .wait_for_locked_buffers sync_buffers fsync_super "
	"fsync_no_super fsync_dev sync_dev sys_sync file_fsync sys_fsync sys_fdatasync .__insert_into_lru_list "
	".__remove_from_lru_list .__remove_from_queues .remove_from_queues get_hash_table "
	"buffer_insert_inode_queue buffer_insert_inode_data_queue .__remove_inode_queue inode_has_buffers "
	"invalidate_bdev __invalidate_buffers .free_more_memory init_buffer .end_buffer_io_async "
	"fsync_buffers_list .osync_buffers_list invalidate_inode_buffers getblk .balance_dirty_state .bdflush_stop "
	"balance_dirty __mark_buffer_dirty mark_buffer_dirty set_buffer_flushtime .__refile_buffer refile_buffer "
	"__brelse __bforget bread .__put_unused_buffer_head put_unused_buffer_head get_unused_buffer_head "
	"set_bh_page .create_buffers .discard_buffer try_to_release_page discard_bh_page create_empty_buffers "
	".unmap_underlying_metadata .__block_write_full_page .__block_prepare_write .__block_commit_write "
	"block_read_full_page generic_cont_expand cont_prepare_write block_prepare_write block_commit_write "
	"generic_commit_write block_truncate_page block_write_full_page writeout_one_page waitfor_one_page "
	"generic_block_bmap generic_direct_IO .end_buffer_io_kiobuf .wait_kio brw_kiovec brw_page block_symlink "
	".grow_dev_page .hash_page_buffers .grow_buffers .sync_page_buffers try_to_free_buffers show_buffers "
	"wakeup_bdflush .sync_old_buffers block_sync_page sys_bdflush bdflush kupdate "
	/* fs/super.c */
	".get_filesystem .put_filesystem .find_filesystem register_filesystem unregister_filesystem .fs_index "
	".fs_name .fs_maxindex sys_sysfs get_filesystem_list get_fs_type .alloc_super .grab_super .insert_super "
	".remove_super drop_super sync_supers get_super sys_ustat do_remount_sb .put_anon_dev get_anon_super "
	".get_sb_bdev .get_sb_nodev .compare_single .get_sb_single do_kern_mount kill_super kern_mount "
	/* fs/block_dev.c */
	".max_block .blkdev_size .kill_bdev set_blocksize sb_set_blocksize sb_min_blocksize .blkdev_get_block "
	".blkdev_direct_IO .blkdev_writepage .blkdev_readpage .blkdev_prepare_write .blkdev_commit_write "
	".block_llseek .__block_fsync .block_fsync .bd_read_super .init_once .bdfind bdget bdput bd_acquire "
	"bd_forget get_blkdev_list get_blkfops register_blkdev unregister_blkdev check_disk_change ioctl_by_bdev "
	".do_open blkdev_get blkdev_open blkdev_put blkdev_close .blkdev_ioctl bdevname "
	/* fs/char_dev.c */
	".cdfind cdget cdput "
	/* fs/stat.c */
	".cp_old_stat .cp_new_stat sys_stat sys_newstat sys_lstat sys_newlstat sys_fstat sys_newfstat sys_readlink "
	".cp_new_stat64 sys_stat64 sys_lstat64 sys_fstat64 "
	/* fs/exec.c */
	"register_binfmt unregister_binfmt sys_uselib .count copy_strings copy_strings_kernel put_dirty_page "
	"setup_arg_pages open_exec kernel_read .exec_mmap flush_old_exec prepare_binprm compute_creds "
	"remove_arg_zero search_binary_handler do_execve set_binfmt do_coredump "
	/* fs/pipe.c */
	"pipe_wait .pipe_read .pipe_write .bad_pipe_r .bad_pipe_w .pipe_ioctl .pipe_poll .pipe_release "
	".pipe_read_release .pipe_write_release .pipe_rdwr_release .pipe_read_open .pipe_write_open "
	".pipe_rdwr_open pipe_new .pipefs_delete_dentry .get_pipe_inode do_pipe .pipefs_statfs .pipefs_read_super "
	/* fs/namei.c */
	"getname vfs_permission permission get_write_access deny_write_access path_release .cached_lookup "
	".real_lookup follow_up follow_down link_path_walk path_walk .__emul_lookup_dentry set_fs_altroot "
	"path_lookup path_init lookup_hash lookup_one_len __user_walk vfs_create open_namei .lookup_create "
	"vfs_mknod sys_mknod vfs_mkdir sys_mkdir .d_unhash vfs_rmdir sys_rmdir vfs_unlink sys_unlink vfs_symlink "
	"sys_symlink vfs_link sys_link vfs_rename_dir vfs_rename_other vfs_rename sys_rename vfs_readlink "
	"vfs_follow_link .page_getlink page_readlink page_follow_link "
	/* fs/fcntl.c */
	".expand_files .locate_fd .dupfd sys_dup2 sys_dup .setfl .do_fcntl sys_fcntl sys_fcntl64 "
	".send_sigio_to_task send_sigio fasync_helper __kill_fasync kill_fasync "
	/* fs/ioctl.c */
	".file_ioctl sys_ioctl "
	/* fs/readdir.c */
	"vfs_readdir dcache_dir_open dcache_dir_close dcache_dir_lseek dcache_dir_fsync dcache_readdir .fillonedir "
	"old_readdir .filldir sys_getdents .filldir64 sys_getdents64 "
	/* fs/select.c */
	"poll_freewait __pollwait .max_select_fd do_select .select_bits_alloc .select_bits_free sys_select "
	".do_pollfd .do_poll sys_poll "
	/* fs/fifo.c */
	".wait_for_partner .wake_up_partner .fifo_open "
	/* fs/locks.c */
	".locks_alloc_lock locks_init_lock locks_copy_lock .flock_make_lock .assign_type .flock_to_posix_lock "
	".flock64_to_posix_lock .lease_alloc .locks_delete_block .locks_insert_block locks_notify_blocked "
	".locks_wake_up_blocks .locks_insert_lock .locks_delete_lock .locks_conflict .posix_locks_conflict "
	".flock_locks_conflict .interruptible_sleep_on_locked .locks_block_on .locks_block_on_timeout "
	"posix_test_lock posix_locks_deadlock locks_mandatory_locked locks_mandatory_area .flock_lock_file "
	"posix_lock_file .lease_modify .time_out_leases __get_lease lease_get_mtime fcntl_getlease fcntl_setlease "
	"sys_flock fcntl_getlk fcntl_setlk fcntl_getlk64 fcntl_setlk64 locks_remove_posix locks_remove_flock "
	"posix_block_lock posix_unblock_lock .lock_get_status .move_lock_status get_locks_status lock_may_read "
	"lock_may_write "
	/* fs/dcache.c */
	"dput d_invalidate dget_locked d_find_alias d_prune_aliases prune_dcache shrink_dcache_sb have_submounts "
	".select_parent shrink_dcache_parent shrink_dcache_memory d_alloc d_instantiate d_alloc_root d_lookup "
	"d_validate d_delete d_rehash d_move __d_path sys_getcwd is_subdir d_genocide find_inode_number "
	".init_buffer_head "
	/* fs/inode.c */
	".destroy_inode __mark_inode_dirty .__wait_on_inode sync_inodes_sb sync_unlocked_inodes .get_super_to_sync "
	"sync_inodes .try_to_sync_unused_inodes write_inode_now generic_osync_inode clear_inode .dispose_list "
	".invalidate_list invalidate_inodes invalidate_device prune_icache shrink_icache_memory .find_inode "
	".clean_inode get_empty_inode .get_new_inode iunique igrab iget4 insert_inode_hash remove_inode_hash iput "
	"force_delete bmap update_atime remove_dquot_ref "
	/* fs/attr.c */
	"inode_change_ok inode_setattr .setattr_mask notify_change "
	/* fs/bad_inode.c */
	".bad_follow_link .return_EIO make_bad_inode is_bad_inode "
	/* fs/file.c */
	"alloc_fd_array free_fd_array expand_fd_array alloc_fdset free_fdset expand_fdset "
	/* fs/iobuf.c */
	"end_kio_request .kiobuf_init alloc_kiobuf_bhs free_kiobuf_bhs alloc_kiovec free_kiovec expand_kiobuf "
	"kiobuf_wait_for_io "
	/* fs/dnotify.c */
	".redo_inode_mask dnotify_flush fcntl_dirnotify __inode_dir_notify "
	/* fs/filesystems.c */
	"sys_nfsservctl "
	/* fs/namespace.c */
	"alloc_vfsmnt free_vfsmnt lookup_mnt .check_mnt .detach_mnt .attach_mnt .next_mnt .clone_mnt __mntput "
	".m_start .m_next .m_stop .show_vfsmnt may_umount umount_tree .do_umount sys_umount sys_oldumount "
	".mount_is_safe .copy_tree .graft_tree .do_loopback .do_remount .do_move_mount .do_add_mount "
	".copy_mount_options do_mount copy_namespace sys_mount .chroot_fs_refs sys_pivot_root "
	/* fs/seq_file.c */
	"seq_open seq_read .traverse seq_lseek seq_release seq_escape seq_printf "
	/* fs/xattr.c */
	".xattr_alloc .xattr_free .setxattr sys_setxattr sys_lsetxattr sys_fsetxattr .getxattr sys_getxattr "
	"sys_lgetxattr sys_fgetxattr .listxattr sys_listxattr sys_llistxattr sys_flistxattr .removexattr "
	"sys_removexattr sys_lremovexattr sys_fremovexattr "
	/* fs/binfmt_script.c */
	".load_script "
	/* fs/binfmt_elf.c */
	".set_brk .padzero .create_elf_tables .load_elf_interp .load_aout_interp .load_elf_binary "
	".load_elf_library .dump_write .dump_seek .notesize .dump_regs .writenote .elf_core_dump "
	/* elsewhere */
	"ext2_ioctl ext2_release_file ext2_sync_file ext2_readdir ext2_writepage ext2_readpage ext2_prepare_write ext2_truncate "
	"ext2_create ext2_lookup sys_socketcall sys_quotactl sys_sysctl ";

/* By number: arch/i386/kernel/entry.S. */
const char linux24_system_calls[] =
	"sys_ni_syscall sys_exit sys_fork sys_read sys_write sys_open sys_close sys_waitpid sys_creat sys_link "
	"sys_unlink sys_execve sys_chdir sys_time sys_mknod sys_chmod sys_lchown16 sys_ni_syscall sys_stat "
	"sys_lseek sys_getpid sys_mount sys_oldumount sys_setuid16 sys_getuid16 sys_stime sys_ptrace sys_alarm "
	"sys_fstat sys_pause sys_utime sys_ni_syscall sys_ni_syscall sys_access sys_nice sys_ni_syscall sys_sync "
	"sys_kill sys_rename sys_mkdir sys_rmdir sys_dup sys_pipe sys_times sys_ni_syscall sys_brk sys_setgid16 "
	"sys_getgid16 sys_signal sys_geteuid16 sys_getegid16 sys_acct sys_umount sys_ni_syscall sys_ioctl "
	"sys_fcntl sys_ni_syscall sys_setpgid sys_ni_syscall sys_olduname sys_umask sys_chroot sys_ustat sys_dup2 "
	"sys_getppid sys_getpgrp sys_setsid sys_sigaction sys_sgetmask sys_ssetmask sys_setreuid16 sys_setregid16 "
	"sys_sigsuspend sys_sigpending sys_sethostname sys_setrlimit sys_old_getrlimit sys_getrusage "
	"sys_gettimeofday sys_settimeofday sys_getgroups16 sys_setgroups16 old_select sys_symlink sys_lstat "
	"sys_readlink sys_uselib sys_swapon sys_reboot old_readdir old_mmap sys_munmap sys_truncate sys_ftruncate "
	"sys_fchmod sys_fchown16 sys_getpriority sys_setpriority sys_ni_syscall sys_statfs sys_fstatfs sys_ioperm "
	"sys_socketcall sys_syslog sys_setitimer sys_getitimer sys_newstat sys_newlstat sys_newfstat sys_uname "
	"sys_iopl sys_vhangup sys_ni_syscall sys_vm86old sys_wait4 sys_swapoff sys_sysinfo sys_ipc sys_fsync "
	"sys_sigreturn sys_clone sys_setdomainname sys_newuname sys_modify_ldt sys_adjtimex sys_mprotect "
	"sys_sigprocmask sys_create_module sys_init_module sys_delete_module sys_get_kernel_syms sys_quotactl "
	"sys_getpgid sys_fchdir sys_bdflush sys_sysfs sys_personality sys_ni_syscall sys_setfsuid16 sys_setfsgid16 "
	"sys_llseek sys_getdents sys_select sys_flock sys_msync sys_readv sys_writev sys_getsid sys_fdatasync "
	"sys_sysctl sys_mlock sys_munlock sys_mlockall sys_munlockall sys_sched_setparam sys_sched_getparam "
	"sys_sched_setscheduler sys_sched_getscheduler sys_sched_yield sys_sched_get_priority_max "
	"sys_sched_get_priority_min sys_sched_rr_get_interval sys_nanosleep sys_mremap sys_setresuid16 "
	"sys_getresuid16 sys_vm86 sys_query_module sys_poll sys_nfsservctl sys_setresgid16 sys_getresgid16 "
	"sys_prctl sys_rt_sigreturn sys_rt_sigaction sys_rt_sigprocmask sys_rt_sigpending sys_rt_sigtimedwait "
	"sys_rt_sigqueueinfo sys_rt_sigsuspend sys_pread sys_pwrite sys_chown16 sys_getcwd sys_capget sys_capset "
	"sys_sigaltstack sys_sendfile sys_ni_syscall sys_ni_syscall sys_vfork sys_getrlimit sys_mmap2 "
	"sys_truncate64 sys_ftruncate64 sys_stat64 sys_lstat64 sys_fstat64 sys_lchown sys_getuid sys_getgid "
	"sys_geteuid sys_getegid sys_setreuid sys_setregid sys_getgroups sys_setgroups sys_fchown sys_setresuid "
	"sys_getresuid sys_setresgid sys_getresgid sys_chown sys_setuid sys_setgid sys_setfsuid sys_setfsgid "
	"sys_pivot_root sys_mincore sys_madvise sys_getdents64 sys_fcntl64 sys_ni_syscall sys_ni_syscall "
	"sys_gettid sys_readahead sys_setxattr sys_lsetxattr sys_fsetxattr sys_getxattr sys_lgetxattr "
	"sys_fgetxattr sys_listxattr sys_llistxattr sys_flistxattr sys_removexattr sys_lremovexattr "
	"sys_fremovexattr sys_tkill sys_ni_syscall sys_ni_syscall sys_ni_syscall sys_ni_syscall sys_ni_syscall "
	"sys_ni_syscall sys_ni_syscall sys_ni_syscall sys_ni_syscall sys_ni_syscall sys_ni_syscall sys_ni_syscall "
	"sys_ni_syscall sys_ni_syscall sys_ni_syscall ";
